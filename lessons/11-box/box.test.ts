import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type Box, currentTree, type Lab, openLab, type Program } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import type { Namespace } from '#given/proc.ts'
import { snapshot } from '#given/snapshot.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'
import type { Sizes } from './sizes.ts'

const NAME = 'web'
/** What `box exec` joins, in its order. */
const ALL = ['cgroup', 'ipc', 'uts', 'net', 'pid', 'mnt']
const joins = 'setns(2) with an open file of /proc/<pid>/ns, for each name'
const noCompany =
  "this thread's root and working directory are those of all of Node's threads: unshare(CLONE_FS) first. setns(2)"

let host: Lab
let box: Box
beforeAll(async () => {
  host = await openLab({ lesson, hostname: 'host' })
  const only = ['cgroups', 'net', 'uts', 'pid', 'mount', 'ipc', 'capabilities']
  box = await host.start(['sleep', '600'], { only, name: NAME, hostname: 'box' })
  // Something to know its network and its memory by; the host has neither.
  const marks = 'ip link add inside0 type veth peer name inside1; ipcmk --shmem 4321'
  await host.exec(['nsenter', '--target', `${box.pid}`, '--net', '--ipc', 'sh', '-c', marks])
})
afterAll(() => host?.close())

test('11.1 a command has the host name, the network and the memory of the container', async () => {
  const look = 'hostname; ip -o link | grep -o inside0@; ipcs -m | grep -ow 4321'
  const command = enter(['ipc', 'uts', 'net'], ['sh', '-c', look], '11.1')
  await expect(command.result, joins).toSay('box\ninside0@\n4321\n')
  expect(await host.hostname(), 'the host is as it was').toBe('host')
})

test('11.1 it joins what is named, and nothing else', async () => {
  const pid = await entered(['uts', 'net'], '11.1')
  const [own, theirs, ours] = await Promise.all([pid, box.pid, 'self' as const].map((one) => host.namespaces(one)))
  const named = (kind: Namespace) => kind === 'uts' || kind === 'net'
  const expected = Object.entries(theirs ?? {}).map(([kind, link]) => [
    kind,
    named(kind as Namespace) ? link : ours?.[kind as Namespace],
  ])
  expect(own, 'uts and net of the container, all others of the host').toEqual(Object.fromEntries(expected))
})

test('11.1 pid: its children are in the container, and have a number there; it is not', async () => {
  const pid = await entered(['pid'], '11.1')
  const status = await host.read(`/proc/${pid}/status`)
  const numbers = status.match(/^NSpid:\s+(.*)$/m)?.[1]?.split('\t')
  const why = 'setns(2) with CLONE_NEWPID is about the children that come after it: pid_namespaces(7)'
  expect(numbers, `two numbers, the host's and the container's. ${why}`).toHaveLength(2)
  const parent = Number(status.match(/^PPid:\s+(\d+)$/m)?.[1])
  expect(await host.namespace(parent, 'pid'), why).toBe(await host.namespace('self', 'pid'))
  const ps = await host.exec(['nsenter', '--target', `${box.pid}`, '--pid', '--mount', 'ps', '-e', '-o', 'args='])
  expect(ps.stdout.split('\n'), 'whoever is in the container sees it').toContain('sleep 77')
})

test('11.1 what cannot be joined is told', async () => {
  const nobody = enter(['uts'], ['true'], '11.1', { pid: 4194305 }).result // more than the kernel's PID_MAX_LIMIT
  await expect(nobody, 'no such process: let the error of open(2) through').toComplain('ENOENT')
  const powerless = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all']
  const sleeper = host.spawn([...powerless, 'sh', '-c', 'echo $$; exec sleep 600'])
  await sleeper.until(() => sleeper.stdout !== '', 'its number')
  const refused = enter(['uts'], ['true'], '11.1', { pid: Number(sleeper.stdout), under: powerless }).result
  await expect(refused, 'without CAP_SYS_ADMIN nobody may: your code must not hide it').toBeRefused('setns(2)', 'EPERM')
})

test('11.1 it leaves no file open', async () => {
  const command = enter(['ipc', 'uts', 'net'], ['true'], '11.1')
  await expect(command.result).toEndWith(0)
  const { open } = JSON.parse(command.reports[0] ?? '{}')
  expect(open, 'an open file of /proc/<pid>/ns keeps the namespace alive: close(2) it').toEqual([])
})

test('11.2 root, working directory, mounts and processes are those of the container', async () => {
  const before = await snapshot(host)
  const pid = await entered(ALL, '11.2')
  for (const what of ['root', 'cwd']) {
    const stat = ['stat', '-L', '-c', '%d:%i', `/proc/${pid}/${what}`, `/proc/${box.pid}/root`]
    const [own, theirs] = (await host.exec(stat)).stdout.trim().split('\n')
    expect(own, `its ${what} is the container's root: setns(2) moves it there`).toBe(theirs)
  }
  const [own, theirs] = await Promise.all([pid, box.pid].map((one) => host.read(`/proc/${one}/mountinfo`)))
  expect(own, "the mounts that it sees are the container's").toBe(theirs)
  await expect(box, 'who joins makes nothing new').toLeaveTheHostUntouched(before)
  const ps = enter(ALL, ['ps', '-e', '-o', 'comm='], '11.2').result
  await expect(ps, 'its ps reads the /proc of the container').toSay(/^sleep\n(sleep\n)*ps\n$/)
})

test('11.2 ls -l /proc/<pid>/ns shows the same for it and for the first process', async () => {
  const pid = await entered(ALL, '11.2')
  const [own, theirs] = await Promise.all([pid, box.pid].map((one) => host.namespaces(one)))
  expect(own, 'all that were named').toEqual(theirs)
})

test('11.2 in whatever order they are named', async () => {
  const names = ['mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup']
  const why = 'open all files first: after mnt, /proc is that of the container, with other numbers'
  const pid = await entered(names, '11.2', why)
  const [own, theirs] = await Promise.all([pid, box.pid].map((one) => host.namespaces(one)))
  expect(own, why).toEqual(theirs)
})

test('11.2 box exec runs a command beside the first one, and has its exit code', async () => {
  const order = { argv: ['sh', '-c', 'hostname; ps -e -o comm= | head -n 1; grep CapEff: /proc/self/status; exit 7'] }
  const result = await exec(order, '11.2')
  const [cap] = (await host.read(`/proc/${box.pid}/status`)).match(/^CapEff:.*\n/m) ?? ['']
  expect(result.stderr, result.stderr.includes('EINVAL') ? noCompany : joins).toBe('')
  expect(result.stdout, 'the name, the first process, and no more capabilities than that has').toBe(
    `box\nsleep\n${cap}`,
  )
  expect(result.code).toBe(7)
})

test('11.3 a terminal becomes as large as another, and stty(1) sees it', async () => {
  const seen = await sizes([30, 100, 0, 0], [61, 211, 0, 0])
  const why = 'TIOCGWINSZ of `from`, TIOCSWINSZ of `to`: ioctl_tty(2). The first short is rows, the second columns'
  expect(
    seen.map(({ stty }) => stty),
    why,
  ).toEqual(['30 100', '61 211'])
})

test('11.3 pixels too: a struct winsize is four shorts', async () => {
  const seen = await withPixels()
  expect(seen?.to, 'ws_row, ws_col, ws_xpixel, ws_ypixel: a program that draws pictures reads all four').toEqual([
    30, 100, 900, 600,
  ])
})

test('11.3 yours keeps its size', async () => {
  const seen = await withPixels()
  expect(seen?.from, 'TIOCSWINSZ is for `to`').toEqual([30, 100, 900, 600])
})

test('11.3 what is no terminal has no size', async () => {
  const call = host.call('consoleSize', [0, 1], '11.3')
  await expect(call, 'both are pipes: let the error through').toBeRefused('ioctl(2)', 'ENOTTY')
})

test('11.3 a command of box exec -t has the size of your terminal, and hears when that changes', async () => {
  const script = "trap 'stty size; echo changed' WINCH; stty size; echo ready; while :; do sleep 60 & wait; done"
  const argv = execArguments({ argv: ['sh', '-c', script], terminal: true }, '11.3', await entry())
  const line = `tty; stty rows 33 cols 99; exec ${argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')}`
  const terminal = host.spawn(['script', '-qec', line, '/dev/null'], { env: { SHELL: '/bin/sh' } })
  await terminal.until(() => terminal.stdout.includes('ready'), 'the command had its terminal')
  const said = () => terminal.stdout.replaceAll('\r', '')
  expect(said(), 'consoleSize() is called once at the beginning').toContain('\n33 99\nready')

  const name = terminal.stdout.match(/^\/dev\/pts\/\d+/m)?.[0] ?? ''
  await host.exec(['stty', '-F', name, 'rows', '41', 'cols', '121'])
  const why =
    'the new size: at SIGWINCH consoleSize() is called again. TIOCSWINSZ tells the container, by a SIGWINCH there'
  // stty makes two changes, the rows first; so the one that one waits for is not the first.
  await terminal.until(() => said().includes('\n41 121\nchanged'), why, 5)
  terminal.signal('SIGKILL')
})

const file = () => layer(lesson.name, currentTree()).file
const program = (name: string) => new URL(name, import.meta.url).pathname

/** Runs a command that joined namespaces of the container, or of another process. */
function enter(
  names: string[],
  argv: string[],
  task: string,
  { pid = box.pid, under = [] }: { pid?: number; under?: string[] } = {},
): Program {
  const node = [process.execPath, '--no-warnings', program('enter.ts')]
  return host.spawn([...under, ...node, file(), task, `${pid}`, names.join(), ...argv], { input: '' })
}

/** The number on the host of a command that joined, and sleeps. */
async function entered(names: string[], task: string, why = joins): Promise<number> {
  const command = enter(names, ['sleep', '77'], task)
  const what = 'join() to return. Does it wait, or loop, for ever?'
  await command.until(() => command.reports.length === 2 || command.ended, what)
  const { pid } = JSON.parse(command.reports[1] ?? '{}')
  if (!pid) throw new Error(inVain(command.stderr.trimEnd(), names, why))
  // Between fork and execve it is not yet what it will be.
  const name = async () => (await host.read(`/proc/${pid}/comm`)).trim()
  await expect.poll(name, { timeout: seconds(3) }).toBe('sleep')
  return pid
}

/** Why nobody joined: its own words, and `why`, unless the kernel or `join` says that it is something else. */
function inVain(said: string, names: string[], why: string): string {
  if (!said.startsWith('box: ')) return `join() ended its process\n${said}`.trim()
  if (/not written|ended its process/.test(said)) return said
  return `${names.includes('mnt') && said.includes('EINVAL') ? noCompany : why}: \n${said}`
}

/** What is known of the container, as `box` reads it. */
const entry = async () => JSON.parse(await host.read(`/run/container-workshop/${NAME}.json`))

function execArguments(order: object, task: string, container: unknown): string[] {
  const json = JSON.stringify({ ...order, entry: container, tools: file(), task })
  return [process.execPath, '--no-warnings', program('given/exec.ts'), json]
}

/** Runs `box exec` in the lab. */
async function exec(order: object, task: string) {
  return host.exec(execArguments(order, task, await entry()))
}

let once: Promise<Sizes[]> | undefined

/** The two terminals that two checks of 11.3 look at. */
async function withPixels(): Promise<Sizes | undefined> {
  once ??= sizes([30, 100, 900, 600])
  return (await once)[0]
}

/** What became of two terminals when the first one had these sizes. */
async function sizes(...wanted: number[][]): Promise<Sizes[]> {
  const command = host.spawn(
    [process.execPath, '--no-warnings', program('sizes.ts'), file(), '11.3', JSON.stringify(wanted)],
    { input: '' },
  )
  const { stderr } = await command.result
  const lines = command.reports.map((line) => JSON.parse(line))
  const error = lines.find((line) => line.error)?.error
  if (error) throw Object.assign(new Error(error.message), { name: error.name })
  if (lines.length < wanted.length) throw new Error(`consoleSize() ended its process\n${stderr}`.trim())
  return lines
}
