import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { existing } from '#given/cgroups/hierarchies.ts'
import { type Lab, openLab } from '#given/labs.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { type Entry, running } from '#given/running.ts'
import { project } from '#given/spec.ts'
import { layer } from '#given/stack.ts'
import { addLearner } from '#given/user/learner.ts'
import { cloneCommand } from '../../lessons/11-box/given/joining.ts'
import { box, result, type Start, said, start, until } from './boxes.ts'
import { Terminal } from './terminals.ts'

beforeAll(() => void ensureRootfs())

let count = 0

/** A container that runs in the foreground of another process, and ends when it is disposed of. */
class Container implements AsyncDisposable {
  readonly name = `exec-${process.pid}-${++count}`
  readonly child: ChildProcess

  /** It does `first`, says that it is up, and then does `script`. */
  constructor(options: string[], script: string, first = ':') {
    const line = `${first}; echo up; ${script}`
    this.child = start(['--reference', '--name', this.name, ...options, '--', 'sh', '-c', line])
  }

  get entry(): Entry {
    const found = running().find(({ container }) => container.spec.name === this.name)
    if (!found) throw new Error(`${this.name} does not run`)
    return found
  }

  get pid(): number {
    return this.entry.container.pid
  }

  exec(args: string[], options: Start & { input?: string } = {}) {
    return box(['--reference', ...args], { ...options, verb: 'exec' })
  }

  sh(script: string, ...options: string[]) {
    return this.exec([...options, this.name, '--', 'sh', '-c', script])
  }

  /** Starts one and does not wait for it. */
  start(script: string, ...options: string[]): ChildProcess {
    return start(['--reference', ...options, this.name, '--', 'sh', '-c', script], { verb: 'exec' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'close')
    process.kill(this.pid, 'SIGKILL')
    await ended
  }
}

async function container(options: string[] = [], script = 'exec sleep 600', before?: string): Promise<Container> {
  const made = new Container(options, script, before)
  await said(made.child, 'up')
  return made
}

const good = (stdout: string) => ({ stderr: '', code: 0, stdout })

/** What a process may, as the kernel says it. */
const RIGHTS = 'Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp|Seccomp_filters'
const rightsOf = (pid: number) =>
  readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .filter((line) => new RegExp(`^(${RIGHTS}):`).test(line))

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']
const namespacesOf = (pid: number) => KINDS.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))

/** The host's number of a process in a container, by its last one. */
function hostPid(inside: Container, number: string): number {
  const own = readlinkSync(`/proc/${inside.pid}/ns/pid`)
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/ns/pid`) !== own) return false
        return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:.*\t(\d+)$/m)?.[1] === number
      } catch {
        return false
      }
    })
  return Number(found)
}

/** Starts a command that sleeps, and gives its number on the host. */
async function sleeper(inside: Container, ...options: string[]): Promise<{ child: ChildProcess; pid: number }> {
  const child = inside.start('echo $$; exec sleep 600', ...options)
  const [number] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  const pid = hostPid(inside, String(number).trim())
  await until(() => nameOf(pid) === 'sleep', 'it sleeps')
  return { child, pid }
}

describe.each([
  ['as root', []],
  ['with limits', ['--memory', '256m', '--pids-limit', '20']],
  ['with more and fewer capabilities', ['--cap-add', 'NET_ADMIN', '--cap-drop', 'CHOWN']],
  ['without a filter', ['--seccomp', 'unconfined', '--new-privileges']],
  ['as another user', ['--user', 'nobody', '--group-add', 'tty']],
  ['in a user namespace', ['--userns']],
  ['behind an init', ['--init']],
])('the second command is as the first: %s', (_, options) => {
  test('namespaces, cgroup, root, rights, limits', async () => {
    await using first = await container(options)
    const second = await sleeper(first)
    // Behind an init, that one is not the command.
    const { pid } = options[0] === '--init' ? { pid: childOf(first.pid) } : first
    expect(namespacesOf(second.pid)).toEqual(namespacesOf(pid))
    for (const file of ['mountinfo', 'cgroup', 'uid_map', 'limits', 'oom_score_adj']) {
      const [own, theirs] = [second.pid, pid].map((one) => readFileSync(`/proc/${one}/${file}`, 'utf8'))
      expect(own, file).toBe(theirs)
    }
    expect(rightsOf(second.pid)).toEqual(rightsOf(pid))
    const signals = readFileSync(`/proc/${second.pid}/status`, 'utf8').match(/^Sig(Blk|Ign|Cgt):\s+.*$/gm)
    expect(signals, 'none blocked, none ignored').toEqual(
      ['SigBlk', 'SigIgn', 'SigCgt'].map((name) => `${name}:\t${'0'.repeat(16)}`),
    )
    const members = existing(first.entry.container.id).map(({ path }) => readFileSync(`${path}/cgroup.procs`, 'utf8'))
    expect(members.length).toBeGreaterThan(0)
    for (const list of members) expect(list.split('\n')).toContain(String(second.pid))
    second.child.kill('SIGTERM')
    expect((await result(second.child)).code).toBe(143)
  })
})

test('a group that is full to the last process has place for the command, and for no child of it', async () => {
  await using first = await container(['--pids-limit', '4'], 'sleep 600 & sleep 600 & sleep 600 & wait')
  expect(await first.exec([first.name, 'hostname'])).toEqual(good('box\n'))
  expect(await first.sh('hostname; :')).toMatchObject({ code: 2, stderr: expect.stringContaining('Cannot fork') })
})

test('user, environment, working directory, and -- or none', async () => {
  await using first = await container(['--env', 'FIRST=one', '--workdir', '/etc'])
  const script = 'id -un; echo $HOME $FIRST $SECOND $NODE_COMPILE_CACHE $NODE_OPTIONS; pwd'
  expect(await first.sh(script)).toEqual(good('root\n/root one\n/etc\n'))
  const options = ['-u', 'nobody:tty', '-w', '/tmp', '--env', 'SECOND=two', '-e', 'FIRST=1']
  expect(await first.sh(script, ...options)).toEqual(good('nobody\n/nonexistent 1 two\n/tmp\n'))
  expect(await first.exec([first.name, 'echo', '-e', '--', 'x'])).toEqual(good('-- x\n'))
  expect(await first.exec([first.entry.container.id, '--', 'echo', '--', 'x'])).toEqual(good('-- x\n'))
  const unknown = await first.exec(['-u', 'nosuch', first.name, 'true'])
  expect(unknown).toMatchObject({ code: 125, stderr: expect.stringContaining("/etc/passwd knows no 'nosuch'") })
})

test('exit codes, and why a command did not start', async () => {
  const files = 'cd /tmp; printf "#!/no/such\n" > orphan; echo x > garbage; chmod +x orphan garbage'
  await using first = await container([], 'exec sleep 600', files)
  const codes: [string[], number, RegExp][] = [
    [['sh', '-c', 'exit 7'], 7, /^$/],
    [['sh', '-c', 'kill -KILL $$'], 137, /^$/],
    [['nosuch'], 127, /nosuch: no such command in PATH/],
    [['/tmp'], 126, /is a folder/],
    [['/etc/passwd'], 126, /is not executable/],
    [['/tmp/orphan'], 127, /not its interpreter/],
    [['/tmp/garbage'], 126, /ENOEXEC/],
  ]
  for (const [command, code, says] of codes) {
    const { stderr, ...rest } = await first.exec([first.name, '--', ...command])
    expect(rest.code, command.join(' ').slice(0, 40)).toBe(code)
    expect(stderr).toMatch(says)
  }
})

test('what makes no sense is told', async () => {
  await using first = await container()
  const cases: [string[], number, RegExp][] = [
    [[], 2, /in which container/],
    [[first.name], 2, /which command/],
    [['nosuch', 'true'], 125, /there is no container 'nosuch'/],
    [['-w', 'tmp', first.name, 'true'], 2, /a path in the container begins with \//],
    [['-w', '/nosuch', first.name, 'true'], 125, /no such folder in the container/],
    [['-e', 'X', first.name, 'true'], 2, /it wants NAME=VALUE/],
    [['-dt', first.name, 'true'], 2, /-d and -t/],
    [['--no-such', first.name, 'true'], 2, /Unknown option/],
  ]
  for (const [args, code, says] of cases) {
    const { stderr, ...rest } = await first.exec(args)
    expect(rest.code, args.join(' ')).toBe(code)
    expect(stderr).toMatch(says)
  }
  expect((await box([first.name], { verb: 'pause' })).code).toBe(0)
  try {
    const paused = await first.exec([first.name, 'true'])
    expect(paused).toMatchObject({ code: 125, stderr: expect.stringContaining('is paused: npm run box -- unpause') })
  } finally {
    await box([first.name], { verb: 'unpause' })
  }
})

test('standard input to its end, binary and all', async () => {
  await using first = await container()
  const { stdout } = await first.exec([first.name, 'wc', '-c'], { input: 'x'.repeat(300_000) })
  expect(stdout.trim()).toBe('300000')
})

test('signals are passed on; SIGKILL takes the command along', async () => {
  await using first = await container()
  const trapper = first.start(
    "trap 'kill $!; echo got it; exit 5' TERM; echo ready; while :; do sleep 600 & wait; done",
  )
  const output = result(trapper)
  await until(() => first.pid > 0 && commands(first).includes('sh'), 'the second command')
  await until(() => commands(first).filter((name) => name === 'sleep').length === 2, 'its handler')
  trapper.kill('SIGTERM')
  expect(await output).toEqual({ stderr: '', code: 5, stdout: 'ready\ngot it\n' })

  const { child, pid } = await sleeper(first)
  child.kill('SIGKILL')
  await until(() => !isThere(pid), 'the command is killed, too')
})

test('the container ends, and what was executed in it', async () => {
  const first = await container()
  const { child } = await sleeper(first)
  const second = result(child)
  const ended = once(first.child, 'close')
  process.kill(first.pid, 'SIGKILL')
  expect((await second).code).toBe(137)
  expect(await ended).toEqual([137, null])
  const late = await first.exec([first.name, 'true'])
  expect(late).toMatchObject({ code: 125, stderr: expect.stringContaining('there is no container') })
})

test('-d: it goes on when box exec has ended, and ends with the container', async () => {
  const first = await container()
  expect(await first.sh('exec sleep 601', '-d')).toEqual(good(''))
  await until(() => commands(first).filter((name) => name === 'sleep').length === 2, 'it sleeps')
  expect(await first.exec(['-d', first.name, 'nosuch'])).toMatchObject({ code: 127 })
  const members = existing(first.entry.container.id).flatMap(({ path }) =>
    readFileSync(`${path}/cgroup.procs`, 'utf8').trim().split('\n'),
  )
  await first[Symbol.asyncDispose]()
  expect(members.map(Number).filter(isThere)).toEqual([])
})

describe('nothing of the host gets in', () => {
  test('no descriptor, no environment, no session, no Node', async () => {
    await using first = await container()
    const folder = openSync('/etc', 'r')
    const stdio: Start['stdio'] = ['pipe', 'pipe', 'pipe', folder, folder, folder, folder]
    const script = 'ls -l /proc/self/fd; tr "\\0" "\\n" < /proc/self/environ; cut -d" " -f4,5,6 /proc/$$/stat; echo $$'
    const { stdout, code } = await first
      .exec([first.name, '--', 'sh', '-c', script], {
        stdio,
        env: { SECRET: 'of the host' },
      })
      .finally(() => closeSync(folder))
    expect(code).toBe(0)
    const links = stdout.split('\n').flatMap((line) => line.match(/ -> (.*)/)?.[1] ?? [])
    expect(links.filter((link) => !/^(pipe|socket):|^\/proc\/\d+\/fd$/.test(link))).toEqual([])
    expect(links).toHaveLength(4) // the standard streams, and ls's own
    expect(stdout).not.toMatch(/SECRET|NODE|node/)
    const [ids = '', own = ''] = stdout.trim().split('\n').slice(-2)
    expect(ids, 'its parent is out of sight; it leads a group and a session').toBe(`0 ${own} ${own}`)
  })

  test('no folder as a standard stream or as the working directory', async () => {
    await using first = await container()
    const folder = openSync('/etc', 'r')
    try {
      const stream = start(['--reference', first.name, 'true'], { verb: 'exec', stdio: [folder, 'pipe', 'pipe'] })
      expect(await result(stream)).toMatchObject({ code: 125, stderr: expect.stringContaining('a way out') })
      const six: Start['stdio'] = ['pipe', 'pipe', 'pipe', folder, folder, folder]
      for (const path of ['/proc/self/fd/3', '/proc/self/fd/5', `/proc/1/fd/5`, '/proc/thread-self/cwd']) {
        const child = start(['--reference', '-w', path, first.name, 'ls'], { verb: 'exec', stdio: six })
        expect(await result(child), path).toMatchObject({ code: 125, stdout: '' })
      }
    } finally {
      closeSync(folder)
    }
  })

  test('the command is a Node before it is itself, and nobody in the container can look into that', async () => {
    await using first = await container()
    const tools = layer('box', 'solutions').file
    const { command, channel } = await cloneCommand({ entry: first.entry, argv: ['true'], tools })
    const { pid } = command.container
    expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('koffi')
    const inside = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:.*\t(\d+)$/m)?.[1]
    const look = `cd /proc/${inside} || exit; echo $(cat cmdline | tr '\\0' ' ') $(ls fd)
      for f in exe cwd root ns/mnt fd/0 fd/3; do readlink $f; done; cat environ; cat maps`
    const { stdout, stderr } = await first.sh(look)
    expect(stdout, 'its name, its descriptors, and nothing else').toBe('box exec 0 1 2 3\n')
    expect(stderr).toMatch(/environ: Permission denied\n.*maps: Permission denied/)
    expect(await first.sh(`kill -0 ${inside}`), 'it is there').toEqual(good(''))
    closeSync(channel) // as if box exec had been killed: it has no path, and ends
    expect(await command.wait()).toBe(127)
  })

  test('a shell in place of a program of the image runs as weak as all others', async () => {
    const script =
      'mkdir -p /usr/local/bin; cd /usr/local/bin; printf "#!/bin/sh\nexec /bin/sleep 600\n" > tool; chmod +x tool'
    await using first = await container([], 'exec sleep 600', script)
    const child = start(['--reference', first.name, 'tool'], { verb: 'exec' })
    await until(() => commands(first).filter((name) => name === 'sleep').length === 2, 'it sleeps')
    const [second] = pidsIn(first).filter((pid) => pid !== first.pid)
    expect(rightsOf(second ?? 0)).toEqual(rightsOf(first.pid))
    child.kill('SIGKILL')
  })

  test('exec at once waits for the container, and never sees the root of the host', async () => {
    for (let i = 0; i < 3; i++) {
      await using first = new Container([], 'exec sleep 600')
      await until(() => running().some(({ container }) => container.spec.name === first.name), 'its first process')
      const { stdout, code } = await first.sh(
        'grep ^ID= /etc/os-release; cat /proc/1/comm; grep -c "/proc/sys " /proc/mounts',
      )
      const [id, ...rest] = stdout.split('\n')
      expect(code).toBe(0)
      expect(id).not.toBe(readFileSync('/etc/os-release', 'utf8').match(/^ID=.*$/m)?.[0])
      expect(rest).toEqual(['sleep', '1', ''])
    }
  })
})

describe('with a terminal', () => {
  const CTRL_C = '\x03'
  const terminal = (...args: string[]) =>
    new Terminal([process.execPath, 'scripts/box.ts', 'exec', '--reference', ...args])

  test('of its own: a shell with job control', async () => {
    await using first = await container()
    using shell = terminal('-it', first.name, '--', 'sh')
    await shell.type('', /# $/)
    await shell.type('tty\n', /\/dev\/pts\/0\r+\n/)
    await shell.type("sh -c 'echo up; exec sleep 60'\n", /\nup\r/)
    await shell.type(CTRL_C, /# $/)
    await shell.type('echo code $?\n', /code 130/)
    expect(await shell.end('exit 3\n'), shell.output).toBe(3)
    expect(shell.output).not.toMatch(/job control|can't access/)
  })

  test('what is printed goes through as it is, and your terminal is afterwards what it was', async () => {
    await using first = await container()
    const exec = `${process.execPath} scripts/box.ts exec --reference -t ${first.name}`
    const line = `${exec} -- sh -c "stty -opost; echo a; echo b"; stty -a`
    using shell = new Terminal(['sh', '-c', line])
    await shell.end()
    expect(shell.output, 'no carriage return where the command has switched that off').toContain('a\nb\n')
    expect(shell.output).toMatch(/ icanon .* echo /s)
    expect(shell.output).toMatch(/\nopost /)
  })

  test('yours: Ctrl-C ends the command, a shell leads the foreground', async () => {
    await using first = await container()
    using sleep = terminal(first.name, '--', 'sh', '-c', 'echo up; exec sleep 60')
    await sleep.type('', /up\r\n$/)
    expect(await sleep.end(CTRL_C)).toBe(130)
    using shell = terminal(first.name, '--', 'sh')
    await shell.type('', /# $/)
    await shell.type(CTRL_C, /# $/)
    expect(await shell.end('exit 4\n'), shell.output).toBe(4)
  })
})

describe('without root', () => {
  let host: Lab
  let learner: string[]
  beforeAll(async () => {
    host = await openLab()
    learner = await addLearner(host)
  })
  afterAll(() => host?.close())

  const verb = (word: string, args: string[]) => [
    ...learner,
    process.execPath,
    '--no-warnings',
    `${project}/scripts/box.ts`,
    word,
    '--reference',
    ...args,
  ]
  const env = { WORKSHOP_HERE: '1', XDG_RUNTIME_DIR: '/run' }

  test.each([
    ['alone', []],
    ['as another of his users', ['--user', 'nobody']],
  ])('in the container of the same user: %s', async (_, options) => {
    const script = 'echo up; exec sleep 600'
    const args = ['--net', 'none', '--name', 'mine', ...options, '--', 'sh', '-c', script]
    const first = host.spawn(verb('run', args), { env })
    await first.until(() => first.stdout.includes('up'), 'its command')
    const look = `id -un; hostname; ps -e -o comm= | head -n 1; grep -h ^CapEff /proc/self/status /proc/1/status
      for n in mnt pid net uts user ipc; do [ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] && echo $n; done; exit 7`
    const { stdout, stderr, code } = await host.exec(verb('exec', ['mine', '--', 'sh', '-c', look]), { env })
    const [who, name, pid1, own, theirs, ...same] = stdout.trim().split('\n')
    expect({ stderr, code, who, name, pid1 }).toEqual({
      stderr: '',
      code: 7,
      who: options[1] ?? 'root',
      name: 'box',
      pid1: 'sleep',
    })
    expect(own).toBe(theirs)
    expect(same).toEqual(['mnt', 'pid', 'net', 'uts', 'user', 'ipc'])
    first.signal('SIGKILL')
    await first.result
  })
})

const isThere = (pid: number) => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function childOf(pid: number): number {
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
}

/** The host's numbers of all that is in a container. */
function pidsIn(inside: Container): number[] {
  const [group] = existing(inside.entry.container.id)
  return readFileSync(`${group?.path}/cgroup.procs`, 'utf8').trim().split('\n').map(Number)
}

function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined // it has ended
  }
}

const commands = (inside: Container) => pidsIn(inside).map(nameOf)
