import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { existing } from '#given/cgroups/hierarchies.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { freezeOne } from '../lib/pause.ts'
import { box, result, until } from './boxes.ts'
import {
  type Container,
  childOf,
  commands,
  container,
  good,
  isThere,
  namespacesOf,
  rightsOf,
  sleeper,
} from './execs.ts'
import { refusals } from './refusals.ts'
import { Terminal } from './terminals.ts'

/** One for all tests that leave it as it is. */
let plain: Container
beforeAll(async () => {
  ensureRootfs()
  const files = 'cd /tmp; printf "#!/no/such\n" > orphan; echo x > garbage; chmod +x orphan garbage'
  plain = await container(['--env', 'FIRST=one', '--workdir', '/etc'], 'exec sleep 600', files)
})
afterAll(() => plain?.[Symbol.asyncDispose]())

describe('the second command is as the first: namespaces, cgroup, root, rights, limits', () => {
  test('as root', async () => {
    await expectAlike(plain)
    const map = (pid: number | 'self') => readFileSync(`/proc/${pid}/uid_map`, 'utf8')
    expect(map(plain.pid), 'root has no user namespace where none is asked for').toBe(map('self'))
  })

  test.each([
    ['without a filter', ['--seccomp', 'unconfined', '--new-privileges']],
    [
      'as another user, with limits',
      ['--user', 'nobody', '--group-add', 'tty', '--memory', '256m', '--pids-limit', '20'],
    ],
    ['in a user namespace', ['--userns']],
    ['behind an init, with more and fewer capabilities', ['--init', '--cap-add', 'NET_ADMIN', '--cap-drop', 'CHOWN']],
  ])('%s', async (_, options) => {
    await using first = await container(options)
    // Behind an init, that one is not the command.
    await expectAlike(first, options[0] === '--init' ? childOf(first.pid) : first.pid)
  })

  async function expectAlike(first: Container, pid = first.pid): Promise<void> {
    const second = await sleeper(first)
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
  }
})

test('a group that is full to the last process has place for the command, and for no child of it', async () => {
  await using first = await container(['--pids-limit', '4'], 'sleep 600 & sleep 600 & sleep 600 & wait')
  expect(await first.exec([first.name, 'hostname'])).toEqual(good('box\n'))
  expect(await first.sh('hostname; :')).toMatchObject({ code: 2, stderr: expect.stringContaining('Cannot fork') })
})

test('standard input to its end, binary and all; it says whose functions of lesson 11 ran', async () => {
  const counted = await box([plain.name, '--', 'wc', '-c'], { verb: 'exec', input: 'x'.repeat(300_000) })
  expect(counted).toMatchObject({ code: 0, stdout: '300000\n' })
  expect(counted.stderr, 'with --reference nothing, as all tests below expect').toMatch(
    /^box: (yours|reference): box\n$/,
  )
})

test('user, environment, working directory; by its id or name; what comes after it is the command, with -- or without', async () => {
  const script = 'id -un; echo $HOME $FIRST $SECOND $NODE_COMPILE_CACHE $NODE_OPTIONS; pwd; echo $0 $@'
  const usual = await plain.exec([plain.entry.container.id, '--', 'sh', '-c', script, '--', 'x'])
  expect(usual).toEqual(good('root\n/root one\n/etc\n-- x\n'))
  const options = ['-u', 'nobody:tty', '-w', '/tmp', '--env', 'SECOND=two', '-e', 'FIRST=1']
  const other = await plain.exec([...options, plain.name, 'sh', '-c', script, '--', 'x'])
  expect(other).toEqual(good('nobody\n/nonexistent 1 two\n/tmp\n-- x\n'))
  const unknown = await plain.exec(['-u', 'nosuch', plain.name, 'true'])
  expect(unknown).toMatchObject({ code: 125, stderr: expect.stringContaining("/etc/passwd knows no 'nosuch'") })
})

test('why a command did not start', async () => {
  const codes: [string, number, RegExp][] = [
    ['/etc/passwd', 126, /is not executable/],
    ['/tmp/orphan', 127, /not its interpreter/],
    ['/tmp/garbage', 126, /ENOEXEC/],
  ]
  for (const [command, code, says] of codes) {
    const { stderr, ...rest } = await plain.exec([plain.name, '--', command])
    expect(rest.code, command).toBe(code)
    expect(stderr).toMatch(says)
  }
})

test('what makes no sense is told', async () => {
  const { name } = plain
  const cases: [string[], number, RegExp][] = [
    [[], 2, /in which container/],
    [[name], 2, /which command/],
    [['nosuch', 'true'], 125, /there is no container 'nosuch'/],
    [['-w', 'tmp', name, 'true'], 2, /a path in the container begins with \//],
    [['-e', 'X', name, 'true'], 2, /it wants NAME=VALUE/],
    [['-dt', name, 'true'], 2, /-d and -t/],
    [['--no-such', name, 'true'], 2, /Unknown option/],
  ]
  const refused = refusals(cases.map(([args]) => ({ verb: 'exec', args: ['--reference', ...args] })))
  for (const [nth, [args, code, says]] of cases.entries()) {
    const { stderr, ...rest } = await refused(nth)
    expect(rest.code, args.join(' ')).toBe(code)
    expect(stderr).toMatch(says)
  }
})

test('no command in a folder that is not there, nor in a container that is paused', async () => {
  const nowhere = await plain.exec(['-w', '/nosuch', plain.name, 'true'])
  expect(nowhere).toMatchObject({ code: 125, stderr: expect.stringContaining('no such folder in the container') })
  await freezeOne(plain.entry, true)
  try {
    const paused = await plain.exec([plain.name, 'true'])
    expect(paused).toMatchObject({ code: 125, stderr: expect.stringContaining('is paused: npm run box -- unpause') })
  } finally {
    await freezeOne(plain.entry, false)
  }
})

test('signals are passed on; SIGKILL takes the command along', async () => {
  const trapper = plain.start(
    "trap 'kill $!; echo got it; exit 5' TERM; echo ready; while :; do sleep 600 & wait; done",
  )
  const output = result(trapper)
  await until(() => commands(plain).includes('sh'), 'the second command')
  await until(() => commands(plain).filter((name) => name === 'sleep').length === 2, 'its handler')
  trapper.kill('SIGTERM')
  expect(await output).toEqual({ stderr: '', code: 5, stdout: 'ready\ngot it\n' })

  const { child, pid } = await sleeper(plain)
  child.kill('SIGKILL')
  await until(() => !isThere(pid), 'the command is killed, too')
})

test('the container ends, and what was executed in it; with -d it lives until then, and not just while box exec does', async () => {
  const first = await container()
  expect(await first.sh('exec sleep 601', '-d')).toEqual(good(''))
  await until(() => commands(first).filter((name) => name === 'sleep').length === 2, 'it sleeps')
  const nosuch = await first.exec(['-d', first.name, 'nosuch'])
  expect(nosuch).toMatchObject({ code: 127, stderr: expect.stringContaining('nosuch: no such command in PATH') })

  const { child } = await sleeper(first)
  const second = result(child)
  const members = existing(first.entry.container.id).flatMap(({ path }) =>
    readFileSync(`${path}/cgroup.procs`, 'utf8').trim().split('\n'),
  )
  expect(members.length).toBeGreaterThanOrEqual(3)
  const ended = once(first.child, 'close')
  process.kill(first.pid, 'SIGKILL')
  expect((await second).code).toBe(137)
  expect(await ended).toEqual([137, null])
  expect(members.map(Number).filter(isThere)).toEqual([])
  const late = await first.exec([first.name, 'true'])
  expect(late).toMatchObject({ code: 125, stderr: expect.stringContaining('there is no container') })
})

describe('with a terminal', () => {
  const CTRL_C = '\x03'
  const terminal = (...args: string[]) =>
    new Terminal([process.execPath, 'scripts/box.ts', 'exec', '--reference', ...args])

  test('of its own: a shell with job control; what is printed goes through as it is; yours is afterwards what it was', async () => {
    const exec = `${process.execPath} scripts/box.ts exec --reference -it ${plain.name} -- sh`
    using shell = new Terminal(['sh', '-c', `${exec}; echo it ended with $?; stty -a`])
    await shell.type('', /# $/)
    await shell.type('tty\n', /\/dev\/pts\/0\r+\n/)
    await shell.type("sh -c 'echo up; exec sleep 60'\n", /\nup\r/)
    await shell.type(CTRL_C, /# $/)
    await shell.type('echo code $?\n', /code 130/)
    // No carriage return where the command has switched that off.
    await shell.type('stty -opost; echo a; echo b\n', /a\nb\n/)
    await shell.end('exit 3\n')
    expect(shell.output).toMatch(/it ended with 3\r\n/)
    expect(shell.output).toMatch(/ icanon .* echo /s)
    expect(shell.output).toMatch(/\nopost /)
    expect(shell.output).not.toMatch(/job control|can't access/)
  })

  test('yours: Ctrl-C ends the command, a shell leads the foreground', async () => {
    using sleep = terminal(plain.name, '--', 'sh', '-c', 'echo up; exec sleep 60')
    await sleep.type('', /up\r\n$/)
    expect(await sleep.end(CTRL_C)).toBe(130)
    using shell = terminal(plain.name, '--', 'sh')
    await shell.type('', /# $/)
    await shell.type(CTRL_C, /# $/)
    expect(await shell.end('exit 4\n'), shell.output).toBe(4)
  })
})
