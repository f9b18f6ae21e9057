import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { status } from '#given/proc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { box, said, start, until } from './boxes.ts'

beforeAll(() => void ensureRootfs())

describe('exit codes and signals', () => {
  test.each([
    ['its own', ['sh', '-c', 'exit 9'], 9],
    ['125 of its own', ['sh', '-c', 'exit 125'], 125],
    ['128 and the signal', ['--init', '--', 'sh', '-c', 'kill -SEGV $$'], 139],
    ['its own behind an init', ['--init', '--', 'sh', '-c', 'exit 9'], 9],
  ])('%s', async (_, args, code) => {
    expect((await box(['--reference', ...args])).code).toBe(code)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    '%s is forwarded',
    async (signal) => {
      const script = `trap 'echo got ${signal}; exit 42' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`
      const child = start(['--reference', '--', 'sh', '-c', script])
      await said(child, 'ready')
      child.kill(signal)
      expect(await once(child, 'exit')).toEqual([42, null])
    },
  )

  test('with --init, a command that handles no signal dies of one', async () => {
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
