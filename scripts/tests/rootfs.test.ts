import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { Clone } from './clone.ts'
import { refusals } from './refusals.ts'

// In a clone with a .workshop of its own: what is built and brought here must not be what other tests run in.
let clone: Clone
let folder: string
beforeAll(() => {
  clone = new Clone()
  for (const name of readdirSync(state()).filter((name) => name.startsWith('rootfs'))) rmSync(join(state(), name))
  folder = mkdtempSync(join(tmpdir(), 'workshop-rootfs-'))
})
afterAll(() => {
  clone[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const state = (...names: string[]) => join(clone.path, '.workshop', ...names)
const inFolder = (name: string) => join(folder, name)
const roots = () => readdirSync(state()).filter((name) => name.startsWith('rootfs'))
const refused = (lines: string[][]) =>
  refusals(
    lines.map((args) => ({ command: 'rootfs', args })),
    () => folder,
    () => clone.path,
  )
const boxed = (...argv: string[]) => clone.run('box', 'run', '--reference', '--', ...argv).output

function timed(...args: string[]) {
  const started = Date.now()
  return { ...clone.run('rootfs', ...args), took: Date.now() - started }
}

test('it is built in under 5 seconds from this machine, and again in under 1', () => {
  const first = timed()
  expect(first.code, first.output).toBe(0)
  expect(first.output).toMatch(new RegExp(`^${state('rootfs')} +\\d+ MB, \\d+ files$`, 'm'))
  expect(first.took).toBeLessThan(seconds(5))
  const programs = readdirSync(state('rootfs/usr/bin')).concat(readdirSync(state('rootfs/bin')))
  expect(programs).toEqual(
    expect.arrayContaining(['sh', 'ls', 'cat', 'ps', 'hostname', 'mount', 'id', 'sleep', 'ipcs', 'kill']),
  )

  const made = readFileSync(state('rootfs.stamp'), 'utf8')
  const again = timed()
  expect(again.code).toBe(0)
  expect(again.took).toBeLessThan(seconds(1))
  expect(readFileSync(state('rootfs.stamp'), 'utf8')).toBe(made)
  expect(roots()).toEqual(['rootfs', 'rootfs.stamp'])
})

test('two builds at a time make one, and leave no halves', async () => {
  const build = async () => {
    const child = spawn(process.execPath, ['scripts/rootfs.ts', '--force'], { cwd: clone.path, stdio: 'pipe' })
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close'), text(child.stdout)])
    return { said, code }
  }
  const ends = await Promise.all([build(), build()])
  for (const { said, code } of ends) expect(code, said).toBe(0)
  expect(roots()).toEqual(['rootfs', 'rootfs.stamp'])
  expect(execFileSync('chroot', [state('rootfs'), 'echo', 'it works'], { encoding: 'utf8' })).toBe('it works\n')
})

test('a build that is killed is built by the next', async () => {
  rmSync(state('rootfs.stamp'))
  rmSync(state('rootfs'), { recursive: true })
  const build = spawn(process.execPath, ['scripts/rootfs.ts'], { cwd: clone.path, stdio: 'ignore' })
  while (!roots().some((name) => name.includes('.new-'))) await new Promise(setImmediate)
  build.kill('SIGKILL')
  await once(build, 'exit')
  expect(existsSync(state('rootfs.stamp'))).toBe(false)
  expect(boxed('echo', 'it works')).toMatch(/building a root file system.*\nit works\n$|^it works\n.*building/s)
  for (const half of roots().filter((name) => name.includes('-'))) rmSync(state(half), { recursive: true })
})

test('a root of yours is what box takes, and labs do not, until rootfs without options', () => {
  const own = inFolder('own')
  execFileSync('cp', ['-a', state('rootfs'), own])
  writeFileSync(join(own, 'whose'), 'mine\n')
  writeFileSync(join(own, 'name with a space é'), '')
  const copied = clone.run('rootfs', '--from', own)
  expect(copied.output).toMatch(new RegExp(`^${state('rootfs-own')} `, 'm'))
  expect(boxed('cat', '/whose', '/name with a space é')).toBe('mine\n')
  expect(
    clone.run('lab', 'ls', '/run/workshop/rootfs').output,
    'labs need the programs that checks call',
  ).not.toContain('whose')

  writeFileSync(join(own, 'whose'), 'packed\n')
  execFileSync('tar', ['-C', own, '-czf', inFolder('own.tar.gz'), './whose'])
  expect(clone.run('rootfs', '--tar', inFolder('own.tar.gz')).code).toBe(0)
  expect(readFileSync(state('rootfs-own/whose'), 'utf8')).toBe('packed\n')

  expect(clone.run('rootfs').output).toContain('that you had brought is removed')
  expect(roots(), 'there is no other that box could take').toEqual(['rootfs', 'rootfs.stamp'])
})

test('bad input changes nothing, and says what is wrong with it', async () => {
  mkdirSync(inFolder('empty'))
  mkdirSync(inFolder('bare'))
  writeFileSync(inFolder('bare/program'), '')
  writeFileSync(inFolder('text'), 'not an archive '.repeat(1000))
  execFileSync('tar', ['-cf', inFolder('nothing.tar'), '-T', '/dev/null'])
  const table: [args: string[], code: number, message: RegExp][] = [
    [['--from', inFolder('nope')], 2, /there is no such folder/],
    [['--from', inFolder('text')], 2, /that is a file\. An archive is --tar/],
    [['--from', inFolder('empty')], 2, /the folder is empty/],
    [['--from', '/'], 2, /the workshop itself lies in it/],
    [['--tar', inFolder('nope')], 2, /there is no such file/],
    [['--tar', inFolder('empty')], 2, /that is a folder\. A folder is --from/],
    [['--tar', inFolder('text')], 1, /nothing was installed\. tar says:.*not look like a tar archive/s],
    [['--tar', inFolder('nothing.tar')], 1, /the archive is empty/],
    [['--from', 'a', '--tar', 'b'], 2, /not both/],
    [['debian.tar'], 2, /'debian\.tar' is too much.*an archive --tar/],
    [['--forse'], 2, /Did you mean --force\?/],
  ]
  const before = roots()
  const answer = refused(table.map(([args]) => args))
  for (const [nth, [args, code, message]] of table.entries()) {
    const ended = await answer(nth)
    expect(ended.stderr, args.join(' ')).toMatch(message)
    expect(ended.stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(ended.code, ended.stderr).toBe(code)
  }
  expect(roots()).toEqual(before)

  expect(clone.run('rootfs', '--from', inFolder('bare')).output).toContain('There is no shell in it')
  rmSync(state('rootfs-own'), { recursive: true })
})

test('an archive writes nowhere but into its root', async () => {
  const target = inFolder('target')
  for (const name of ['target', 'inside', 'trap/way']) mkdirSync(inFolder(name), { recursive: true })
  for (const name of ['absolute', 'upward', 'trap/way/through']) writeFileSync(inFolder(name), 'evil\n')
  const tar = (...args: string[]) => execFileSync('tar', args, { stdio: 'ignore' })

  tar('-P', '-cf', inFolder('absolute.tar'), inFolder('absolute'))
  rmSync(inFolder('absolute'))
  expect(clone.run('rootfs', '--tar', inFolder('absolute.tar')).code).toBe(0)
  expect(existsSync(inFolder('absolute'))).toBe(false)
  expect(existsSync(state('rootfs-own', inFolder('absolute'))), 'its leading slash is that of the root').toBe(true)
  rmSync(state('rootfs-own'), { recursive: true })

  tar('-P', '-C', inFolder('inside'), '-cf', inFolder('upward.tar'), '../upward')
  symlinkSync(target, inFolder('inside/way')) // first a link to elsewhere, then a file through it
  tar('-C', inFolder('inside'), '-cf', inFolder('through.tar'), 'way')
  tar('-C', inFolder('trap'), '-rf', inFolder('through.tar'), 'way/through')
  const answer = refused(['upward.tar', 'through.tar'].map((name) => ['--tar', inFolder(name)]))
  expect((await answer(0)).stderr).toContain('it has names with `..`')
  expect((await answer(1)).code).toBe(1)
  expect(readdirSync(target)).toEqual([])
  expect(roots()).toEqual(['rootfs', 'rootfs.stamp'])
})
