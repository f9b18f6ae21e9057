import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { status } from '#given/proc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { sweep } from '#given/running.ts'
import { result, said, start, until } from './boxes.ts'

beforeAll(() => void ensureRootfs())

describe('exit codes and signals', () => {
  test('signals are forwarded; its exit code is its own, even 125', async () => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
    const traps = signals.map((signal) => `trap 'echo got ${signal}' ${signal.slice(3)}`).join('; ')
    const script = `${traps}; trap 'exit 125' WINCH; sleep 600 & echo ready; while :; do wait; done`
    const child = start(['--reference', '--', 'sh', '-c', script])
    const end = result(child)
    let output = ''
    child.stdout?.on('data', (text) => {
      output += text
    })
    await until(() => output.includes('ready'), 'its handlers')
    for (const signal of signals) {
      child.kill(signal)
      await until(() => output.includes(`got ${signal}\n`), `${signal} is forwarded`)
    }
    child.kill('SIGWINCH')
    expect(await end).toMatchObject({ code: 125, stderr: '' })
  })

  test('behind an init, a command that handles no signal dies of one, and its exit code is 128 and the signal', async () => {
    const child = start(['--reference', '--init', '--', 'sh', '-c', 'echo ready; exec sleep 60'])
    await said(child, 'ready')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([143, null])
  })

  test('a second SIGINT kills a pid 1 to which the kernel gives none', async () => {
    // No shell, which catches SIGINT until its exec: dash then exits with 130, whoever it is.
    const child = start(['--reference', '--', 'cat'])
    child.stdin?.write('ready\n')
    await said(child, 'ready')
    const pid1 = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
    child.kill('SIGINT')
    // Two that wait at the same time are one: signal(7).
    const pending = () => BigInt(`0x${status(child.pid ?? 0, 'ShdPnd')}`) & (1n << 1n)
    await until(() => pending() === 0n, 'the first had arrived')
    expect(existsSync(`/proc/${pid1}`)).toBe(true)
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([137, null])
  })

  test('who kills the parent kills the container', async () => {
    const child = start(['--reference', '--', 'sh', '-c', 'sleep 60 & echo ready; wait'])
    await said(child, 'ready')
    const pid1 = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
    const link = readlinkSync(`/proc/${pid1}/ns/pid`)
    expect(inPidNamespace(link)).toHaveLength(2)
    child.kill('SIGKILL')
    await until(() => inPidNamespace(link).length === 0, 'the container had ended')
    await sweep() // as the next command would, if there came one
  })
})

/** The processes of a pid namespace, but for zombies, which have left all namespaces. */
function inPidNamespace(link: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/pid`) === link
    } catch {
      return false // gone, or a zombie
    }
  })
}
