import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { existing } from '#given/cgroups/hierarchies.ts'
import { type Lab, openLab } from '#given/labs.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { project } from '#given/spec.ts'
import { addLearner } from '#given/user/learner.ts'
import { box, result, until } from './boxes.ts'
import { childOf, commands, container, good, isThere, namespacesOf, rightsOf, sleeper } from './execs.ts'
import { Terminal } from './terminals.ts'

beforeAll(() => void ensureRootfs())

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

test('it says whose functions of lesson 11 ran, and nothing with --reference', async () => {
  await using first = await container()
  const { stdout, stderr } = await box([first.name, '--', 'hostname'], { verb: 'exec' })
  expect(stdout).toBe('box\n')
  expect(stderr).toMatch(/^box: (yours|reference): box\n$/)
  expect(await first.exec([first.name, '--', 'hostname'])).toEqual(good('box\n'))
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
    const { stdout, stderr, code } = await host.exec(verb('exec', ['--reference', 'mine', '--', 'sh', '-c', look]), {
      env,
    })
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
