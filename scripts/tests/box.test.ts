import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { status } from '#given/proc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { project } from '#given/spec.ts'
import { Clone } from './clone.ts'

// Containers of the reference, right on this machine, as somebody would start them from a shell.

interface Start {
  env?: Record<string, string>
  cwd?: string
  /** The program that runs it, before node. */
  under?: string[]
  stdio?: ('pipe' | number)[]
  /** Where the clone is; the workshop itself unless given. */
  from?: string
}

function start(
  args: string[],
  { env, cwd = project, under = [], stdio = ['pipe', 'pipe', 'pipe'], from = project }: Start = {},
) {
  const [program = '', ...rest] = [...under, process.execPath, join(from, 'scripts/box.ts'), 'run', ...args]
  return spawn(program, rest, { cwd, stdio, env: { ...process.env, INIT_CWD: cwd, ...env } })
}

async function result(
  child: ChildProcess,
  input = '',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  child.stdin?.on('error', () => {}) // EPIPE: it did not want its input
  child.stdin?.end(input)
  const read = (stream: ChildProcess['stdout']) => (stream ? text(stream) : '')
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

const box = (args: string[], options: Start & { input?: string } = {}) => result(start(args, options), options.input)
const reference = (...argv: string[]) => box(['--reference', '--', ...argv])

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + seconds(10); !condition(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
  }
}

/** Waits until a child has printed something. */
async function said(child: ChildProcess, word: string): Promise<void> {
  let output = ''
  child.stdout?.setEncoding('utf8')
  for await (const chunk of child.stdout ?? []) {
    output += chunk
    if (output.includes(word)) return
  }
  throw new Error(`it ended and said only: ${output}`)
}

let folder: string
beforeAll(() => {
  ensureRootfs()
  folder = mkdtempSync(join(tmpdir(), 'workshop-box-'))
  for (const name of ['empty', 'odd/bin', 'kept/bin']) mkdirSync(join(folder, name), { recursive: true })
  const odd = (name: string, mode: number, content: string) => {
    writeFileSync(join(folder, 'odd/bin', name), content)
    chmodSync(join(folder, 'odd/bin', name), mode)
  }
  odd('unmarked', 0o644, '#!/bin/sh\n')
  odd('garbage', 0o755, 'neither a program nor a script\n')
  odd('orphan', 0o755, '#!/no/such/interpreter\n')
  copyFileSync('/bin/true', join(folder, 'odd/bin/true')) // without its libraries
  copyFileSync('/bin/true', join(folder, 'kept/bin/true'))
  writeFileSync(join(folder, 'file'), 'a file of the host\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('bad input: what, why, what to do, and the exit code', () => {
  const long = 'x'.repeat(65)
  const table: [what: string, args: string[], code: number, message: RegExp][] = [
    ['no command', ['--reference'], 2, /which command\? .*run -- sh/],
    ['a root without a command', ['./empty'], 2, /which command\? \.\/empty was taken for the root/],
    [
      'a path instead of a command',
      ['/bin/ls'],
      2,
      /\/bin\/ls is a file, .* since it has a slash.*\n.*run -- \/bin\/ls/,
    ],
    ['no such folder as root', ['./nowhere', '--', 'true'], 125, /there is no folder .*nowhere.*npm run rootfs/],
    ['a file as root', ['./file', '--', 'true'], 125, /file is a file; a root is a folder/],
    ['a root without the command', ['--reference', './empty', '--', 'true'], 127, /true: no such command in PATH/],
    ['a command that is not there', ['--reference', '--', '/bin/nope'], 127, /\/bin\/nope: no such command/],
    ['no x bit', ['--reference', './odd', '--', 'unmarked'], 126, /unmarked is not executable: chmod \+x/],
    ['a folder as command', ['--reference', '--', '/etc'], 126, /\/etc is a folder/],
    [
      'no program',
      ['--reference', './odd', '--', 'garbage'],
      126,
      /ENOEXEC.*another architecture, or .*without a #! line/,
    ],
    ['no interpreter', ['--reference', './odd', '--', 'orphan'], 127, /the file is there, but not its interpreter/],
    ['no loader', ['--reference', './odd', '--', 'true'], 127, /the dynamic loader/],
    [
      'an unknown mechanism',
      ['--only', 'utz', 'true'],
      2,
      /no mechanism 'utz'\. Did you mean uts\? There are: .*mount/,
    ],
    ['an unknown one left out', ['--without', 'x', 'true'], 2, /no mechanism 'x'\. There are: /],
    ['an unknown option', ['--hostnam', 'a', '--', 'true'], 2, /'--hostnam'\. Did you mean --hostname\?/],
    ['an option without its value', ['--only'], 2, /'--only <value>' argument missing/],
    ['no variable', ['--env', 'LANG', 'true'], 2, /--env LANG: it wants NAME=VALUE/],
    ['no name of a variable', ['--env', '=C', 'true'], 2, /it wants NAME=VALUE/],
    ['half a volume', ['--volume', '/srv', 'true'], 2, /--volume \/srv: it wants HOST:CONTAINER/],
    ['too much of one', ['--volume', '/a:/b:ro:x', 'true'], 2, /it wants HOST:CONTAINER/],
    [
      'a volume that is not there',
      ['--volume', './nowhere:/srv', 'true'],
      125,
      /there is no .*nowhere on this machine/,
    ],
    ['a relative target', ['--volume', '.:srv', 'true'], 2, /must begin with \/, such as \/srv/],
    ['a target that goes up', ['--volume', '.:/srv/../..', 'true'], 2, /must not go up/],
    ['the root as target', ['--volume', '.:/', 'true'], 2, /the root itself cannot be a volume/],
    ['an odd mode', ['--volume', '.:/srv:rx', 'true'], 2, /'rx' is neither ro .* nor rw/],
    [
      'a volume that the lab hides',
      ['--only', 'mount', '--volume', './file:/f', 'true'],
      125,
      /a lab, which has a \/tmp of its own/,
    ],
    [
      'no working directory',
      ['--reference', '--workdir', '/nope', 'pwd'],
      125,
      /\/nope: ENOENT, there is no such folder in the container/,
    ],
    ['a relative one', ['--workdir', 'srv', 'pwd'], 2, /a path in the container begins with \//],
    ['a long host name', ['--hostname', long, 'true'], 2, /keeps 64 bytes of a name, and this one has 65/],
    ['a long name in few letters', ['--hostname', 'é'.repeat(33), 'true'], 2, /this one has 66/],
  ]
  test.each(table)('%s', async (_, args, code, message) => {
    const { stderr, stdout, ...ended } = await box(args, { cwd: folder })
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(ended.code).toBe(code)
    expect(stdout).toBe('')
  })

  test('not root', async () => {
    // In a new user namespace without maps one is nobody, wherever the files lie.
    const { code, stderr } = await box(['--', 'true'], {
      under: ['/usr/bin/unshare', '--user'],
      env: { PATH: '/nowhere' },
    })
    expect(stderr).toMatch(/for root only.*\n.*Become root first/)
    expect(code).toBe(125)
  })

  test('another verb than run', async () => {
    const child = spawn(process.execPath, ['scripts/box.ts', 'ruin', 'true'], { cwd: project, stdio: 'pipe' })
    expect(await result(child)).toMatchObject({ code: 2, stderr: expect.stringContaining("'ruin' is nothing") })
  })
})

describe('what the command gets', () => {
  test('namespaces of its own: those of the lessons, and no other', async () => {
    const kinds = ['mnt', 'pid', 'uts', 'ipc', 'net', 'user']
    const { stdout } = await reference('readlink', ...kinds.map((kind) => `/proc/self/ns/${kind}`))
    const own = stdout.split('\n').filter((link, i) => link && link !== readlinkSync(`/proc/self/ns/${kinds[i]}`))
    expect(own.map((link) => link.split(':')[0])).toEqual(['mnt', 'pid', 'uts', 'ipc'])
  })

  test('descriptors 0, 1 and 2, whatever its caller had open', async () => {
    const open = openSync('/etc/passwd', 'r')
    try {
      const child = start(['--reference', '--', 'sh', '-c', 'ls /proc/$$/fd'], {
        stdio: ['pipe', 'pipe', 'pipe', open, open],
      })
      expect(await result(child)).toMatchObject({ stdout: '0\n1\n2\n', stderr: '' })
    } finally {
      closeSync(open)
    }
  })

  test('signals, limits and a session as a login would have them, not as Node leaves them', async () => {
    const look = 'cat /proc/self/status; ulimit -Sn; cut -d" " -f6 /proc/self/stat'
    const lines = (await reference('sh', '-c', look)).stdout.trimEnd().split('\n')
    const signals = lines.filter((line) => /^Sig(Blk|Ign|Cgt)/.test(line)).map((line) => line.split('\t')[1])
    expect(signals, 'none blocked, ignored or caught').toEqual(Array(3).fill('0'.repeat(16)))
    expect(lines.slice(-2), 'the soft limit of open files; the session').toEqual(['1024', '1'])
  })

  test('a clean environment, and what --env adds', async () => {
    const env = { SECRET: '1', NODE_OPTIONS: '--no-warnings', LD_LIBRARY_PATH: '/tmp', TERM: 'vt100' }
    const args = [
      '--reference',
      '--env',
      'A=B=C',
      '--env',
      'EMPTY=',
      '--env',
      'NODE_OPTIONS=--no-such-option',
      '--',
      'env',
    ]
    const { stdout } = await box(args, { env })
    expect(stdout.trimEnd().split('\n')).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'TERM=vt100',
      'A=B=C',
      'EMPTY=',
      'NODE_OPTIONS=--no-such-option',
    ])
  })

  test('its input, to the end', async () => {
    const input = 'line\n'.repeat(100_000)
    expect((await box(['--reference', '--', 'cat'], { input })).stdout).toBe(input)
  })

  test('names, a working directory and volumes', async () => {
    const volumes = ['--volume', `${folder}:/mnt/there`, '--volume', './file:/etc/motd:ro']
    const names = ['--hostname', 'café', '--domainname', 'lab.example', '--workdir', '/mnt/there']
    const look = 'hostname; cat /proc/sys/kernel/domainname; pwd; cat /etc/motd; echo x > /etc/motd; echo 1 > made'
    const { stdout, stderr } = await box(['--reference', ...names, ...volumes, '--', 'sh', '-c', look], { cwd: folder })
    expect(stdout).toBe('café\nlab.example\n/mnt/there\na file of the host\n')
    expect(stderr).toContain('/etc/motd: Read-only file system')
    expect(readFileSync(join(folder, 'made'), 'utf8')).toBe('1\n')
  })

  test('its options, even those that are spelled like ours', async () => {
    const script = 'echo "$0 $*"'
    expect((await reference('sh', '-c', script, '--only', '--', '--help')).stdout).toBe('--only -- --help\n')
    const without = await box(['--reference', 'sh', '-c', script, '--only', '--', '-h'])
    expect(without.stdout, 'without the second --, from its name on').toBe('--only -- -h\n')
  })

  test('the root that was asked for, by a path from where one stands', async () => {
    const args = (rootfs: string) => ['--reference', rootfs, '--', 'ls', '/']
    const link = await box(args('.workshop/rootfs'))
    expect(link.stdout).toContain('usr')
    expect((await box(args('rootfs'), { cwd: join(project, '.workshop') })).stdout).toBe(link.stdout)
  })
})

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
    const child = start(['--reference', '--', 'sh', '-c', 'echo ready; exec sleep 60'])
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

describe('whose mechanisms', () => {
  test('with a part left out it runs in a lab, so that this machine keeps its name', async () => {
    const before = readFileSync('/proc/sys/kernel/hostname', 'utf8')
    const { stdout, stderr } = await box(['--without', 'uts', '--', 'sh', '-c', 'hostname stolen; hostname'])
    expect(stderr).toBe('box: reference: pid mount ipc\n')
    expect(stdout).toBe('stolen\n')
    expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(before)
  })

  test('with --only, the root is the one that was asked for, and it stays as it was', async () => {
    const ended = await box(['--only', 'mount', './kept', '--', '/bin/true'], { cwd: folder })
    expect(ended).toMatchObject({ code: 127, stdout: '', stderr: expect.stringContaining('the dynamic loader') })
    expect(readdirSync(join(folder, 'kept')), 'mount points were made, but not in the folder').toEqual(['bin'])
  })

  test('yours where its check passed on the file as it is now; --mine in any case', async () => {
    using clone = new Clone()
    const uts = join(clone.path, 'lessons/04-uts/uts.ts')
    const run = (...args: string[]) => box(args, { from: clone.path, cwd: clone.path })
    expect((await run('--', 'true')).stderr).toBe('box: reference: uts pid mount ipc\n')

    const unwritten = await run('--only', 'uts', '--mine', '--', 'true')
    expect(unwritten.stderr).toMatch(
      /^box: yours: uts\nbox: 04\.1 .*not written yet\n.*lessons\/04-uts\/uts\.ts:\d+\n.*npm run check 04/,
    )
    expect(unwritten.code).toBe(125)

    copyFileSync(join(clone.path, 'solutions/04-uts/uts.ts'), uts)
    const passed = `await (await import('./scripts/lib/progress.ts')).record('04-uts', '${uts}', true)`
    await result(spawn(process.execPath, ['--input-type=module', '-e', passed], { cwd: clone.path, stdio: 'pipe' }))
    const mixed = await run('--hostname', 'mine', '--', 'hostname')
    expect(mixed).toEqual({ code: 0, stdout: 'mine\n', stderr: 'box: yours: uts · reference: pid mount ipc\n' })
    expect((await run('--reference', '--', 'true')).stderr, '--reference takes the finished one for all').toBe('')

    writeFileSync(uts, `${readFileSync(uts, 'utf8')}// changed since\n`)
    expect((await run('--', 'true')).stderr).toBe('box: reference: uts pid mount ipc\n')

    writeFileSync(uts, 'export const uts = {\n  name: "uts",\n  flags: = 0,\n}\n')
    const broken = await run('--only', 'uts', '--mine', '--', 'true')
    expect(broken.stderr).toMatch(/lessons\/04-uts\/uts\.ts cannot be loaded: .*Expression expected|Unexpected token/)
    expect(broken.stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(broken.code).toBe(125)
  })
})

test('--verbose prints the calls in order, with names for numbers', async () => {
  const { stderr } = await box(['--reference', '--verbose', '--', 'true'])
  const wanted = [
    /^engine +socketpair\(AF_UNIX, SOCK_STREAM\|SOCK_CLOEXEC, 0, \[\d+, \d+\]\) = 0$/m,
    /^engine +clone\(CLONE_NEWNS\|CLONE_NEWUTS\|CLONE_NEWIPC\|CLONE_NEWPID\|CLONE_PIDFD\|SIGCHLD\) = \d+$/m,
    /^child +prctl\(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0\)$/m,
    /^child +execve\(".*node", \[".*init\.ts"\], \[\d variables\]\)$/m,
    /^engine +write\(\d+, "go\\n"\) = 3$/m,
    /^init +sethostname\("box", 3\) = 0$/m,
    /^init +mount\(NULL, "\/", NULL, MS_REC\|MS_PRIVATE, NULL\) = 0$/m,
    /^init +openat2\(\d+, "proc", \{flags=O_DIRECTORY\|O_CLOEXEC\|O_PATH, mode=0, resolve=RESOLVE_NO_SYMLINKS\|RESOLVE_IN_ROOT\}, 24\) = \d+$/m,
    /^init +pivot_root\("\.", "\."\) = 0$/m,
    /^init +umount2\("\.", MNT_DETACH\) = 0$/m,
    /^init +execve\("\/usr\/bin\/true", \["true"\], \[3 variables\]\)$/m,
    /^engine +waitpid\(\d+, \[0\], 0\) = \d+$/m,
  ]
  const places = wanted.map((line) => stderr.search(line))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(places).not.toContain(-1)
  expect(stderr).not.toContain('[…]')
})
