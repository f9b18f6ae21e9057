import { spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
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
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { project, spec } from '#given/spec.ts'
import { choose } from '#given/stack.ts'
import { box, result, start } from './boxes.ts'
import { Clone, PORTABLE } from './clone.ts'
import { inRoot } from './in-root.ts'
import { refusals } from './refusals.ts'

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
  type Row = [what: string, args: string[], code: number, message: RegExp]
  const started: Row[] = [
    ['a root without the command', ['--reference', './empty', '--', 'true'], 127, /true: no such command in PATH/],
    ['no x bit', ['--reference', './odd', '--', 'unmarked'], 126, /unmarked is not executable: chmod \+x/],
    [
      'no working directory',
      ['--reference', '--workdir', '/nope', 'pwd'],
      125,
      /\/nope: ENOENT, there is no such folder in the container/,
    ],
  ]
  const early: Row[] = [
    ['no command', ['--reference'], 2, /which command\? .*run -- sh/],
    ['a root without a command', ['./empty'], 2, /which command\? \.\/empty was taken for the root/],
    [
      'a path instead of a command',
      ['/bin/ls'],
      2,
      /\/bin\/ls is a file, .* since it has a slash.*\n.*run -- \/bin\/ls/,
    ],
    ['an image that is not there, by its tag', ['ubuntu:16.04', 'ls'], 125, /there is no image 'ubuntu:16\.04'/],
    ['no such folder as root', ['./nowhere', '--', 'true'], 125, /there is no folder .*nowhere.*npm run rootfs/],
    ['a file as root', ['./file', '--', 'true'], 125, /file is a file; a root is a folder/],
    [
      'an unknown mechanism',
      ['--only', 'utz', 'true'],
      2,
      /no mechanism 'utz'\. Did you mean uts\? There are: .*mount/,
    ],
    ['an unknown one left out', ['--without', 'x', 'true'], 2, /no mechanism 'x'\. There are: /],
    [
      'an unknown option',
      ['--hostnam', 'a', '--', 'true'],
      2,
      /'--hostnam'\. Did you mean --hostname\?\n {2}npm run box -- run --help/,
    ],
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
    ['a relative one', ['--workdir', 'srv', 'pwd'], 2, /a path in the container begins with \//],
    ['a long host name', ['--hostname', long, 'true'], 2, /keeps 64 bytes of a name, and this one has 65/],
    ['a long name in few letters', ['--hostname', 'é'.repeat(33), 'true'], 2, /this one has 66/],
  ]
  const refused = refusals(
    early.map(([, args]) => ({ args })),
    () => folder,
  )
  const answers = [
    ...started.map(([what, args, ...wanted]) => [what, () => box(args, { cwd: folder }), ...wanted] as const),
    ...early.map(([what, , ...wanted], i) => [what, () => refused(i), ...wanted] as const),
  ]
  test.each(answers)('%s', async (_, answer, code, message) => {
    const { stderr, stdout, ...ended } = await answer()
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(ended.code).toBe(code)
    expect(stdout).toBe('')
  })

  const commands: [what: string, command: string, exitCode: number, message: RegExp][] = [
    ['a command that is not there', '/bin/nope', 127, /\/bin\/nope: no such command/],
    ['a folder as command', '/odd', 126, /\/odd is a folder/],
    ['no program', 'garbage', 126, /ENOEXEC.*another architecture, or .*without a #! line/],
    ['no interpreter', 'orphan', 127, /the file is there, but not its interpreter/],
    ['no loader', 'true', 127, /the dynamic loader/],
  ]
  test('commands that cannot be started', async () => {
    const wish = { rootfs: folder, mechanisms: [], env: { PATH: '/odd/bin' } }
    const specs = commands.map(([, command]) => spec({ ...wish, argv: [command] }))
    const answers = await inRoot({ root: folder, step: 'command', specs })
    for (const [i, [what, , exitCode, message]] of commands.entries())
      expect(answers[i], what).toEqual({ exitCode, message: expect.stringMatching(message) })
  })

  test('not root', async () => {
    // In a new user namespace without maps one is nobody, wherever the files lie.
    const { code, stderr } = await box(['--only', 'uts', '--', 'true'], {
      under: ['/usr/bin/unshare', '--user'],
      env: { PATH: '/nowhere' },
    })
    expect(stderr).toMatch(/a lab takes root. Become root first/)
    expect(code).toBe(125)
  })

  test('another verb than run', async () => {
    const child = spawn(process.execPath, ['scripts/box.ts', 'ruin', 'true'], { cwd: project, stdio: 'pipe' })
    expect(await result(child)).toMatchObject({ code: 2, stderr: expect.stringContaining("'ruin' is nothing") })
  })
})

describe('what the command gets', () => {
  const kinds = ['mnt', 'pid', 'uts', 'ipc', 'net', 'user']
  const input = 'line\n'.repeat(100_000)
  /** One looks at all of it, and its parts are apart by lines of ==. */
  const look = `readlink ${kinds.map((kind) => `/proc/self/ns/${kind}`).join(' ')}
    echo ==; ls /proc/$$/fd
    echo ==; cat /proc/self/status
    echo ==; ulimit -Sn; cut -d" " -f6 /proc/self/stat
    echo ==; tr '\\0' '\\n' < /proc/$$/environ
    echo ==; echo "$0 $*"
    echo ==; cat`
  let parts: string[] = []
  beforeAll(async () => {
    const open = openSync('/etc/passwd', 'r')
    const env = { SECRET: '1', NODE_OPTIONS: '--no-warnings', LD_LIBRARY_PATH: '/tmp', TERM: 'vt100' }
    const variables = ['A=B=C', 'EMPTY=', 'NODE_OPTIONS=--no-such-option'].flatMap((text) => ['--env', text])
    const command = ['sh', '-c', look, '--only', '--', '--help']
    const child = start(['--reference', ...variables, '--', ...command], {
      env,
      stdio: ['pipe', 'pipe', 'pipe', open, open],
    })
    const { code, stdout, stderr } = await result(child, input)
    closeSync(open)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    parts = stdout.split('==\n')
  })
  const part = (nth: number) => parts[nth]?.trimEnd().split('\n') ?? []

  test('namespaces of its own: those of the lessons, and no other', () => {
    const own = part(0).filter((link, i) => link !== readlinkSync(`/proc/self/ns/${kinds[i]}`))
    expect(own.map((link) => link.split(':')[0])).toEqual(['mnt', 'pid', 'uts', 'ipc', 'net'])
  })

  test('descriptors 0, 1 and 2, whatever its caller had open', () => {
    expect(part(1)).toEqual(['0', '1', '2'])
  })

  test('signals, limits and a session as a login would have them, not as Node leaves them', () => {
    const signals = part(2)
      .filter((line) => /^Sig(Blk|Ign|Cgt)/.test(line))
      .map((line) => line.split('\t')[1])
    expect(signals, 'none blocked, ignored or caught').toEqual(Array(3).fill('0'.repeat(16)))
    expect(part(3), 'the soft limit of open files; the session').toEqual(['1024', '1'])
  })

  test('a clean environment, and what --env adds', () => {
    expect(part(4)).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'TERM=vt100',
      'A=B=C',
      'EMPTY=',
      'NODE_OPTIONS=--no-such-option',
    ])
  })

  test('its options, even those that are spelled like ours', () => {
    expect(part(5)).toEqual(['--only -- --help'])
  })

  test('its input, to the end', () => {
    expect(parts[6]).toBe(input)
  })

  test("after Docker's letters, with the value in the next word or in their own, and without the second --", async () => {
    const letters = ['-e', 'A=v', '-eB=w', '-w', '/srv', '-u65534', '-m', '64m']
    const command = ['sh', '-c', 'echo $A $B $PWD $(id -u); echo "$0 $*"', '--only', '--', '-h']
    const { code, stdout } = await box(['--reference', ...letters, ...command])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'v w /srv 65534\n--only -- -h\n' })
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

  test('the root that was asked for, by a link to it from where one stands', async () => {
    const { stdout } = await box(['--reference', 'rootfs', '--', 'ls', '/'], { cwd: join(project, '.workshop') })
    expect(stdout).toContain('usr')
  })
})

describe('whose mechanisms', () => {
  test('with a part left out it runs in a lab, so that this machine keeps its name', async () => {
    const before = readFileSync('/proc/sys/kernel/hostname', 'utf8')
    const without = ['uts', 'capabilities']
    const script = 'hostname stolen; hostname'
    const { stdout, stderr } = await box(['--without', without.join(), '--', 'sh', '-c', script])
    expect(stderr).toBe(`box: reference: ${choose({ without }).join(' ')}\n`)
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
    const run = (...args: string[]) => box(args, { from: clone.path, cwd: clone.path, env: PORTABLE })

    const unwritten = await run('--only', 'uts', '--mine', '--', 'true')
    expect(unwritten.stderr).toMatch(
      /^box: yours: uts\nbox: 04\.1 .*not written yet\n.*lessons\/04-uts\/uts\.ts:\d+\n.*npm run check 04/,
    )
    expect(unwritten.code).toBe(125)

    copyFileSync(join(clone.path, 'solutions/04-uts/uts.ts'), uts)
    const lesson = JSON.stringify({ folder: '04-uts', file: uts })
    const script = `
      const [{ yours }, { record }] = [await import('./scripts/lib/yours.ts'), await import('./scripts/lib/progress.ts')]
      const look = (values) => yours(${JSON.stringify(choose({}))}, values)
      await look({})
      record(${lesson}, { outcomes: [], passed: true })
      await look({})
      await look({ reference: true })
      fs.appendFileSync('${uts}', '// changed since')
      await look({})`
    const options = { cwd: clone.path, stdio: 'pipe', env: { ...process.env, ...PORTABLE } } as const
    const looks = await result(spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], options))
    const all = `box: reference: ${choose({}).join(' ')}\n`
    const mixed = `box: yours: uts · reference: ${choose({ without: ['uts'] }).join(' ')}\n`
    expect(looks.stderr, 'not yet, yours, nothing since all is finished, changed').toBe(all + mixed + all)

    copyFileSync(join(clone.path, 'solutions/04-uts/uts.ts'), uts)
    expect(await run('--hostname', 'mine', '--', 'hostname')).toEqual({ code: 0, stdout: 'mine\n', stderr: mixed })

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
    /^engine +clone\(CLONE_NEWNS\|CLONE_NEWUTS\|CLONE_NEWIPC\|CLONE_NEWPID\|CLONE_NEWNET\|CLONE_PIDFD\|SIGCHLD\) = \d+$/m,
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
