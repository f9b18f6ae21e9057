/*
 * Ways out of a container that have been found in others, tried in ours. Each is contained: the probe says which error
 * it met, and the host is as it was.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { libraries } from '../../solutions/01-chroot/chroot.ts'
import { box } from './boxes.ts'

let folder: string
let rootfs: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'workshop-escapes-'))
  chmodSync(folder, 0o755) // for root of a user namespace, too
  rootfs = join(folder, 'rootfs')
  cpSync(ensureRootfs(), rootfs, { recursive: true, verbatimSymlinks: true })
  mkdirSync(join(folder, 'host'))
  writeFileSync(join(folder, 'host/secret'), 'of the host')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (options: string[], script: string, how: Parameters<typeof box>[1] = {}) =>
  box(['--reference', ...options, rootfs, '--', 'sh', '-c', script], how)

describe('descriptors of the host', () => {
  /** Starts it with folders of the host open as descriptors 3 to 12, none of which is closed on exec. */
  const withFolders = (options: string[], script: string) => {
    const fd = openSync(join(folder, 'host'), 'r')
    const how = { stdio: ['pipe', 'pipe', 'pipe', ...Array(10).fill(fd)] } satisfies Parameters<typeof box>[1]
    return run(options, script, how).finally(() => closeSync(fd))
  }

  test('what the caller had open is closed: nothing but the three streams is there', async () => {
    const { stdout, stderr } = await withFolders(
      [],
      'ls -l /proc/self/fd | grep -c secret; for f in /proc/self/fd/*; do [ -d $f/ ] && echo folder $f; done; ls /proc/1/fd',
    )
    expect(stderr).toBe('')
    expect(stdout).toBe('0\n0\n1\n2\n')
  })

  // CVE-2024-21626: a working directory that is a descriptor of the engine's lay outside of the container. The first is
  // where the init has its channel to the engine, two more are the caller's folders, and the last is nobody's.
  test('none can be the working directory', async () => {
    for (const fd of [3, 4, 12, 30]) {
      const { stdout, stderr, code } = await withFolders(
        ['--workdir', `/proc/self/fd/${fd}`],
        'pwd; cat secret ../host/secret',
      )
      expect({ fd, stdout, code }).toEqual({ fd, stdout: '', code: 125 })
      expect(stderr).toContain(`the working directory /proc/self/fd/${fd}: `)
    }
  })

  test('a folder as standard input is refused, and a file is not', async () => {
    const fd = openSync(join(folder, 'host'), 'r')
    const { stdout, stderr, code } = await run([], 'ls /proc/self/fd/0/', { stdio: [fd, 'pipe', 'pipe'] })
    closeSync(fd)
    expect([stdout, code]).toEqual(['', 125])
    expect(stderr).toContain('box: standard input is a folder of the host, and a way out of the container: refused\n')
    const file = openSync(join(folder, 'host/secret'), 'r')
    expect(await run([], 'cat', { stdio: [file, 'pipe', 'pipe'] })).toMatchObject({ stdout: 'of the host', code: 0 })
    closeSync(file)
  })
})

// CVE-2019-5736: a command that is a script for /proc/self/exe is run by the program of the engine, and then has a way
// to write to that. Ours is Node, which the container may run, but not change.
test("the host's Node cannot be overwritten by way of /proc/self/exe", async () => {
  for (const library of libraries(process.execPath))
    cpSync(realpathSync(library), join(rootfs, library), { force: false })
  const program = join(rootfs, 'hostile')
  writeFileSync(
    program,
    `#!/proc/self/exe
const { openSync } = require('node:fs')
const { spawnSync } = require('node:child_process')
const node = openSync('/proc/self/exe', 'r')
console.log('version', process.version)
spawnSync('sh', ['-c', ': > /proc/self/fd/3'], { stdio: ['ignore', 'inherit', 'inherit', node] })
`,
    { mode: 0o755 },
  )
  const before = statSync(process.execPath)
  for (const options of [[], ['--userns'], ['--init']]) {
    const { stdout, stderr } = await box(['--reference', ...options, rootfs, '--', '/hostile'])
    // O_TRUNC is refused by the mount before the kernel sees that the file is being executed: ETXTBSY would be no proof.
    expect({ options, stdout, stderr }).toEqual({
      options,
      stdout: `version ${process.version}\n`,
      stderr: expect.stringContaining('/proc/self/fd/3: Read-only file system'),
    })
  }
  const after = statSync(process.execPath)
  expect([after.size, after.mtimeMs]).toEqual([before.size, before.mtimeMs])
})

// Which folder it is, and how its root is mounted, do not touch each other: each of both, not each pair.
test.for([
  ['dev', []],
  ['dev', ['--rw']],
  ['dev', ['--userns']],
  ['proc', []],
  ['sys', []],
] as const)(
  'where /%s of the image is a symbolic link to the host, nothing is mounted there: %j',
  async ([name, how]) => {
    const image = mkdtempSync(join(folder, 'link-'))
    chmodSync(image, 0o755)
    cpSync(rootfs, image, { recursive: true, verbatimSymlinks: true })
    rmSync(join(image, name), { recursive: true, force: true })
    symlinkSync(join(folder, 'host'), join(image, name))
    const { stdout, stderr, code } = await box(['--reference', ...how, image, '--', 'ls', `/${name}`])
    expect({ stdout, code }).toEqual({ stdout: '', code: 125 })
    expect(stderr).toContain(`/${name} is a symbolic link in the image; mounting there is refused`)
    expect(readdirSync(join(folder, 'host'))).toEqual(['secret'])
  },
)

describe('files of the kernel, and a disk', () => {
  const hosts = '/proc/sys/kernel'
  const guarded = [
    `${hosts}/core_pattern`,
    `${hosts}/modprobe`,
    '/proc/sysrq-trigger',
    '/proc/irq/default_smp_affinity',
  ]
  const covered = ['/proc/kcore', '/proc/keys', '/proc/timer_list']
  // By a number that the machine has, and one that no machine has: either is refused before anybody looks for a driver.
  const disk = readFileSync('/proc/partitions', 'utf8')
    .match(/^\s+(\d+)\s+(\d+)\s+\d+ \w+$/m)
    ?.slice(1) ?? ['8', '0']
  const containers = {
    'as root': [],
    'in a user namespace': ['--userns'],
    'with all capabilities, and writing to the image itself': ['--cap-add', 'all', '--rw'],
  }

  const look = () => guarded.map((file) => spawnSync('cat', [file], { encoding: 'utf8' }).stdout)
  const before = look()
  const said: Record<string, string> = {}
  beforeAll(async () => {
    const script = [
      ...guarded.map((file) => `(echo '|/escape' > ${file}); echo ${file}: code $?`),
      ...covered.map((file) => `echo ${file}: $(wc -c < ${file}) bytes`),
      `mknod /disk b ${disk.join(' ')} && stat -c 'the node: %F' /disk; head -c 1 /disk; echo its bytes: code $?`,
    ]
    for (const [how, options] of Object.entries(containers)) {
      const { stdout } = await run(options, `exec 2>&1; ${script.join('; ')}`)
      said[how] = stdout
    }
  })
  afterAll(() => rmSync(join(rootfs, 'disk'), { force: true }))

  test.for(guarded)('%s cannot be written to', (file, { skip }) => {
    if (!existsSync(file)) return skip(`this kernel has no ${file}`)
    for (const how of Object.keys(containers)) {
      expect(said[how], how).toMatch(
        new RegExp(`${file}: (Read-only file system|Permission denied)\n${file}: code 2\n`),
      )
    }
    expect(look()).toEqual(before)
  })

  test.for(covered)('%s is covered', (file, { skip }) => {
    if (!existsSync(file)) return skip(`this kernel has no ${file}`)
    expect(said['as root']).toContain(`\n${file}: 0 bytes\n`)
  })

  test(`the node of a disk, ${disk.join(':')}, can be made, and not opened`, () => {
    for (const how of ['as root', 'with all capabilities, and writing to the image itself']) {
      expect(said[how], how).toMatch(
        /^the node: block special file\nhead: .*\/disk.*: Operation not permitted\nits bytes: code 1\n/m,
      )
    }
  })

  test('in a user namespace not even the node can be made', () => {
    expect(said['in a user namespace']).toMatch(
      /mknod: .*(Operation not permitted|Permission denied)\nhead: .*No such file/,
    )
  })
})
