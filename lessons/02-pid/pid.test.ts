import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type Box, type BoxOptions, type Lab, openLab } from '#given/labs.ts'
import { CLONE_NEWPID } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { together } from '#given/together.ts'
import { lesson } from './lesson.ts'

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson })
})
afterAll(() => host.close())

const noFlag = '02.1 not written yet: flags asks for no pid namespace'
const numbered = { flags: { pid: CLONE_NEWPID } } // for the tasks that are not about the flag
const serve = `trap 'echo closing; exit 7' TERM; echo ready; sleep 60 & wait`

test('02.1 one process, two numbers: 1 in the container, another on the host', async () => {
  await using box = await host.start(['sh', '-c', 'echo $$; exec sleep 60'], { task: '02.1' })

  await expect(box, `${noFlag}, so its number is the host's`).toSay('1\n')
  await expect(box, noFlag).toBeInOwnNamespace('pid')
  const command = () => processes(['-p', `${box.pid}`], 'args') // of the shell, and a moment later of the sleep
  const message = 'the host sees it, by its own number'
  await expect.poll(command, { message, timeout: seconds(3) }).toEqual(['sleep 60'])
})

test('02.1 httpd and vsftpd are both pid 1 and blind to each other, and the host sees both', async () => {
  for (const name of ['httpd', 'vsftpd']) await script(`usr/bin/${name}`, 'read -r request')
  const options: BoxOptions = { only: ['pid', 'mount'], task: '02.1' }
  await using both = await together(host.start(['httpd'], options), host.start(['vsftpd'], options))
  const [httpd, vsftpd] = both

  for (const [name, box] of Object.entries({ httpd, vsftpd })) {
    await expect(box, noFlag).toBeInOwnNamespace('pid')
    await expect(box, `inside, ${name} is the first process, and the only one`).toSeeOnly('processes', [`1 ${name}`])
  }
  const onHost = await processes(['-p', `${httpd.pid},${vsftpd.pid}`], 'comm')
  expect(onHost.toSorted(), 'the host sees both').toEqual(['httpd', 'vsftpd'])
})

test('02.1 when pid 1 dies, all die', async () => {
  await using box = await host.start(['sh', '-c', 'sleep 60 & sleep 60 & echo ready; wait'], { task: '02.1' })
  await box.program.until(() => box.program.stdout.includes('ready'), 'its children had started')
  const children = await processes(['--ppid', `${box.pid}`], 'pid')
  expect(children).toHaveLength(2)

  await kill('KILL', box.pid)
  await box.program.result
  const left = await processes(['-p', children.join()], 'pid')
  await kill('KILL', ...left)
  expect(left, `${noFlag}, so its children outlive it: pid_namespaces(7), "init"`).toEqual([])
})

test('02.1 a signal that pid 1 does not handle is dropped, unless the host sends SIGKILL', async () => {
  const inside = host.run(['sh', '-c', 'kill -TERM $$; kill -KILL $$; echo still here'], { task: '02.1' })
  await expect(inside, `${noFlag}, so it is no pid 1, and its own signal ended it`).toSay('still here\n')

  await using box = await host.start(['sleep', '60'], { task: '02.1' })
  await kill('TERM', box.pid)
  await kill('KILL', box.pid)
  await expect(box, '143 would be SIGTERM, which the kernel drops').toEndWith('SIGKILL')
})

test('02.1 a shell as pid 1 keeps SIGTERM from its command; exec "$@" makes the command pid 1', async () => {
  const run = ['sh', '-c', serve]
  const start = (entry: string) => host.start(['sh', '-c', entry, 'entry', ...run], { task: '02.1' })
  await using both = await together(start('"$@"; echo the end'), start('exec "$@"'))
  const [shell, exec] = both
  await expect(shell, noFlag).toBeInOwnNamespace('pid')
  for (const box of [shell, exec]) {
    await box.program.until(() => box.program.stdout.includes('ready'), 'its handler was there')
    await kill('TERM', box.pid)
  }
  await expect(exec, 'the command is pid 1 and has a handler: the signal arrives').toEndWith(7)
  await kill('KILL', shell.pid)
  await expect(shell, 'the shell had no handler').toEndWith('SIGKILL')
  await expect(shell, 'the shell passes nothing on').toSay('ready\n')
})

test("02.1 without a /proc of its own, ps shows the host's processes", async () => {
  const look = 'echo $$; readlink /proc/self; exec ps -e -o args='
  const lie = await host.run(['sh', '-c', look], { only: ['pid'], task: '02.1' })
  await expect(lie).not.toComplain()
  const [number, inProc, ...ps] = lie.stdout.split('\n')
  expect(number, `${noFlag}, so its number is the host's`).toBe('1')
  expect(inProc, "/proc is the host's procfs, so the process is in there by the host's number").not.toBe('1')
  expect(ps.join('\n'), 'ps(1) reads /proc, and asks nobody else').toContain('lab-server.ts')
})

test('02.2 pidsOf gives the number on the host and the one inside', async () => {
  await using box = await host.start(['sleep', '60'], { ...numbered, task: '02.2' })

  const numbers = await host.call('pidsOf', [box.pid], '02.2')
  expect(numbers, 'the numbers of NSpid in /proc/<pid>/status, a tab between them: proc_pid_status(5)').toEqual([
    box.pid,
    1,
  ])
})

test('02.2 a container in a container: three numbers', async () => {
  await using box = await host.start(['unshare', '--pid', '--fork', 'sleep', '60'], { ...numbered, task: '02.2' })
  const children = () => processes(['--ppid', `${box.pid}`], 'pid')
  await expect.poll(children, { timeout: seconds(5) }).toHaveLength(1)
  const [inner = ''] = await children()

  const numbers = await host.call<number[]>('pidsOf', [Number(inner)], '02.2')
  expect(numbers, 'one number for each pid namespace: on the host, in the container, in the one within').toHaveLength(3)
  expect(numbers[0], 'the first is the number that you asked with').toBe(Number(inner))
  expect(numbers[1], 'pid 1 of the container is unshare itself').toBeGreaterThan(1)
  expect(numbers[2], 'the last is its own').toBe(1)
})

test('02.3 orphans that have ended are gone, and without reap they stay as zombies', async () => {
  const command = ['sh', '-c', '(sleep 60 & sleep 60 & sleep 60 &); exec sleep 61']
  await using box = await startWithInit(command, '02.3')
  await kill('STOP', box.pid) // so that three children end and pid 1 hears of it once: signals do not queue
  await endOrphans(box)
  expect(await zombies(box)).toBe(3)
  await kill('CONT', box.pid)
  const message = 'three children ended, one SIGCHLD came: call waitpid(2) until it has no more'
  await expect.poll(() => zombies(box), { message, timeout: seconds(3) }).toBe(0)
  const running = await processes(['--ppid', `${box.pid}`], 'args')
  const said = running.length > 0 ? '' : (await box.program.result).stderr // an error in forward, say: SIGCONT came
  expect(running, `the command runs on, and so does the init\n${said}`.trim()).toEqual(['sleep 61'])

  await using bare = await host.start(command, { ...numbered, task: '02.3' })
  await endOrphans(bare)
  expect(await zombies(bare), 'sleep as pid 1 waits for nobody').toBe(3)
})

test('02.3 reap gives the exit code of each child, and no children is no error', async () => {
  expect(await host.call('reap', [], '02.3'), 'ECHILD only says that there are no children').toEqual({})

  const options = { ...numbered, init: true, timeout: 5, task: '02.3' }
  const commands = ['exit 7', 'kill -TERM $$; sleep 60']
  const [seven, killed] = await Promise.all(commands.map((command) => host.run(['sh', '-c', command], options))).catch(
    hint('its command has ended: is it in what reap returns?'),
  )
  expect(seven?.stderr).toBe('')
  expect(seven?.code, 'the init ends with the code that reap has for its command: exitCode() makes it').toBe(7)
  expect(killed?.code, '128 + 15: exitCode() makes a wait status into that').toBe(143)
})

test('02.4 forward passes each signal on to the command', async () => {
  const signals = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'CONT', 'WINCH']
  const traps = signals.map((name) => `trap 'echo SIG${name}' ${name}`).join('; ')
  await using box = await startWithInit(
    ['sh', '-c', `(sleep 61 &); ${traps}; echo ready; while :; do sleep 60 & wait; done`],
    '02.4',
  )
  await box.program.until(() => box.program.stdout.includes('ready'), 'the command had its handlers')
  const children = () => processes(['--ppid', `${box.pid}`], 'args')
  await expect.poll(children, { timeout: seconds(3) }).toContain('sleep 61')
  for (const name of signals) {
    await kill(name, box.pid)
    await box.program.until(
      () => box.program.stdout.includes(`SIG${name}\n`),
      `SIG${name} at the command: does forward kill(child, …) for each name?`,
      3,
    )
  }
  expect(box.program.stdout.split('\n').slice(1, -1), 'each signal once').toEqual(signals.map((name) => `SIG${name}`))
  expect(await children(), 'the others in the container are not meant').toContain('sleep 61')

  await using sleep = await startWithInit(['sleep', '60'], '02.4')
  await expect(sleep.stop('SIGTERM'), 'no pid 1, so SIGTERM ends it without a handler').toEndWith('SIGTERM')
})

/** A process of each selected one's, as the host's ps(1) prints it. */
async function processes(selection: string[], column: string): Promise<string[]> {
  const { stdout } = await host.exec(['ps', ...selection, '-o', `${column}=`])
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
}

async function kill(signal: string, ...pids: (number | string)[]): Promise<void> {
  if (pids.length > 0) await host.exec(['kill', '-s', signal, ...pids.map(String)])
}

/** Kills the three orphans, once pid 1 has adopted them, and waits until they are zombies or gone. */
async function endOrphans(box: Box): Promise<void> {
  const orphans = async () => {
    if (box.program.ended) throw new Error(`the container has ended: ${box.program.stderr}`)
    const { stdout } = await host.exec(['ps', '--ppid', `${box.pid}`, '-o', 'pid=,args='])
    return [...stdout.matchAll(/(\d+) sleep 60$/gm)].map(([, pid]) => pid ?? '')
  }
  await expect.poll(orphans, { message: 'pid 1 adopts orphans', timeout: seconds(5) }).toHaveLength(3)
  await kill('KILL', ...(await orphans()))
  await expect.poll(orphans, { message: 'the orphans end', timeout: seconds(5) }).toEqual([])
}

async function zombies(box: Box): Promise<number> {
  return (await processes(['--ppid', `${box.pid}`], 'stat')).filter((stat) => stat.startsWith('Z')).length
}

async function startWithInit(argv: string[], task: string): Promise<Box> {
  const options = { ...numbered, init: true, timeout: 5, task }
  return host.start(argv, options).catch(hint('does your reap wait for a child that still runs? waitpid(2), WNOHANG'))
}

function hint(text: string): (error: Error) => never {
  return (error) => {
    error.message += `\n${text}`
    throw error
  }
}

async function script(path: string, body: string): Promise<void> {
  const file = `${LAB_ROOTFS}/${path}`
  await host.exec(['sh', '-c', `printf '#!/bin/sh\\n%s\\n' "$1" > "$0" && chmod +x "$0"`, file, body])
}
