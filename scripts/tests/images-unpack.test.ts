import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import { addLearner } from '#given/user/learner.ts'
import { attributeSpace, attributesOf, setAttribute } from '../../lessons/10-images/given/attributes.ts'
import { unpacked, whole } from '../../lessons/10-images/given/compression.ts'
import { digestOf } from '../../lessons/10-images/given/digest.ts'
import { pack } from '../../lessons/10-images/given/pack.ts'
import { openFolder } from '../../lessons/10-images/given/place.ts'
import { unpack } from '../../lessons/10-images/given/unpack.ts'
import { streamOf, tarOf, type Wanted } from './tars.ts'

// Archives: what becomes of them on disk, and of folders in a tar.

/** How much of the load to apply: less in the emulated VM. */
const LOAD = Number(process.env.WORKSHOP_LOAD ?? 1)
const fixture = new URL('fixtures/images.ts', import.meta.url).pathname

let host: Lab
let learner: string[]
beforeAll(async () => {
  host = await openLab()
  learner = await addLearner(host)
})
afterAll(() => host?.close())

let folder: string
let target: string
beforeEach(() => {
  folder = mkdtempSync('/var/tmp/workshop-images-')
  target = join(folder, 'target')
  mkdirSync(target)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function open(data: Buffer, limit = {}, to = target): Promise<string[]> {
  const warnings: string[] = []
  const space = attributeSpace(folder)
  await unpack(unpacked(streamOf(data)), to, { space, limit, warn: (message) => warnings.push(message) })
  return warnings
}

const unpackAll = (...wanted: Wanted[]) => open(tarOf(...wanted))
const read = (path: string) => readFileSync(join(target, path), 'utf8')
const packed = (path: string, options = {}) => whole(pack(path, options), 1e9)

function attributes(path: string): Record<string, string> {
  const fd = openFolder(path)
  return Object.fromEntries([...attributesOf(fd)].map(([name, value]) => [name, value.toString()]))
}

describe('unpacking', () => {
  test('owner, permissions, time, links and nodes are those of the archive', async () => {
    await unpackAll(
      { path: 'd/', kind: 'folder', mode: 0o2750, uid: 3, gid: 4, mtime: 1_600_000_000 },
      { path: 'd/su', mode: 0o4755, uid: 1000, gid: 1001, data: 'program' },
      { path: 'd/again', kind: 'hardlink', link: 'd/su' },
      { path: 'd/link', kind: 'symlink', link: '/nowhere', uid: 5 },
      { path: 'd/null', kind: 'char', major: 1, minor: 3, mode: 0o666 },
      { path: 'd/pipe', kind: 'fifo', mode: 0o600 },
      { path: 'closed/', kind: 'folder', mode: 0 },
      { path: 'closed/in', data: 'here' },
    )
    const su = statSync(join(target, 'd/su'))
    expect([su.mode & 0o7777, su.uid, su.gid, su.mtimeMs, su.nlink]).toEqual([0o4755, 1000, 1001, 1.7e12, 2])
    expect(statSync(join(target, 'd/again')).ino).toBe(su.ino)
    const d = statSync(join(target, 'd'))
    expect([d.mode & 0o7777, d.uid, d.gid, d.mtimeMs]).toEqual([0o2750, 3, 4, 1.6e12])
    expect([readlinkSync(join(target, 'd/link')), lstatSync(join(target, 'd/link')).uid]).toEqual(['/nowhere', 5])
    const device = lstatSync(join(target, 'd/null'))
    expect([device.isCharacterDevice(), device.rdev, device.mode & 0o777]).toEqual([true, 0x103, 0o666])
    expect(lstatSync(join(target, 'd/pipe')).isFIFO()).toBe(true)
    expect([statSync(join(target, 'closed')).mode & 0o777, read('closed/in')]).toEqual([0, 'here'])
  })

  test('as GNU tar does, its long names and devices among it', async () => {
    const source = join(folder, 'source')
    const long = `${'long/'.repeat(40)}name`
    mkdirSync(join(source, long), { recursive: true })
    writeFileSync(join(source, long, 'file'), 'x'.repeat(100_000))
    symlinkSync('y'.repeat(300), join(source, 'link'))
    spawnSync('mknod', [join(source, 'zero'), 'c', '1', '5'])
    for (const format of ['gnu', 'posix', 'ustar']) {
      const file = join(folder, `${format}.tar`)
      const skip = format === 'ustar' ? ['--exclude=long', '--exclude=link'] : []
      spawnSync('tar', [`--format=${format}`, ...skip, '-C', source, '-cf', file, '.'])
      const to = join(folder, format)
      mkdirSync(to)
      expect(await open(readFileSync(file), {}, to), format).toEqual([])
      expect(lstatSync(join(to, 'zero')).rdev, format).toBe(0x105)
      if (format === 'ustar') continue
      const differences = spawnSync('diff', ['-r', '--no-dereference', '--exclude=zero', source, to], {
        encoding: 'utf8',
      })
      expect(differences.stdout, format).toBe('')
    }
  })

  test('a file capability and a user attribute arrive, what is this machine’s own does not', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex') // net_raw, as setcap writes it
    const xattrs = new Map([
      ['security.capability', capability],
      ['trusted.overlay.redirect', Buffer.from('/etc')],
      ['user.note', Buffer.from('hello')],
      ['user.overlay.opaque', Buffer.from('y')],
    ])
    const warnings = await unpackAll({ path: 'ping', mode: 0o755, data: 'program', xattrs })
    expect(attributes(join(target, 'ping'))['user.note']).toBe('hello')
    const { stdout } = spawnSync('getcap', [join(target, 'ping')], { encoding: 'utf8' })
    expect(stdout).toContain('cap_net_raw=ep')
    expect(Object.keys(attributes(join(target, 'ping')))).toEqual(['security.capability', 'user.note'])
    expect(warnings.join()).toMatch(/trusted\.overlay\.redirect.*left out/)
  })

  test('of two entries with one name the last counts, and folders are merged', async () => {
    await unpackAll(
      { path: 'f', data: 'first' },
      { path: 'f', data: 'second' },
      { path: 'd/x', data: 'x' },
      { path: 'd/', kind: 'folder', mode: 0o700 },
      { path: 'd/y', data: 'y' },
      { path: 'tree/deep/file', data: '' },
      { path: 'tree', kind: 'symlink', link: 'd' },
      { path: 'tree/z', data: 'by way of a link' },
    )
    expect(read('f')).toBe('second')
    expect(readdirSync(join(target, 'd'))).toEqual(['x', 'y', 'z'])
    expect(statSync(join(target, 'd')).mode & 0o777).toBe(0o700)
  })
})

describe('whiteouts', () => {
  test('become what overlayfs understands, and hide what lies below', async () => {
    await unpackAll(
      { path: '.wh.gone' },
      { path: 'dir/.wh.file' },
      { path: 'closed/', kind: 'folder' },
      { path: 'closed/.wh..wh..opq' },
      { path: 'closed/new', data: 'new' },
      { path: '.wh.again' },
      { path: 'again/fresh', data: '' },
      { path: '.wh..wh.plnk/1.2', data: '' },
    )
    expect(lstatSync(join(target, 'gone')).rdev).toBe(0)
    const below = join(folder, 'below')
    for (const path of ['gone', 'dir/file', 'dir/stays', 'closed/old', 'again/old', 'other']) {
      mkdirSync(join(below, path, '..'), { recursive: true })
      writeFileSync(join(below, path), '')
    }
    const script = 'mount -t overlay overlay -o "lowerdir=$1:$2" "$2" && cd "$2" && find . -type f | sort'
    const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', target, below], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual(['./again/fresh', './closed/new', './dir/stays', './other'])
  })

  test.for(['.wh.', '.wh..', 'a/.wh...'])('%s hides nothing, and is refused', async (path) => {
    await expect(unpackAll({ path })).rejects.toMatchObject({ code: 'BAD_ARCHIVE' })
  })

  test('a device 0:0 in an archive is none', async () => {
    const warnings = await unpackAll({ path: 'a', kind: 'char', major: 0, minor: 0 })
    expect(readdirSync(target)).toEqual([])
    expect(warnings.join()).toContain('0:0')
  })
})

describe('nothing outside is touched', () => {
  const ways: [string, Wanted[], string | undefined][] = [
    ['..', [{ path: '../outside/f', data: 'x' }], 'BAD_ARCHIVE'],
    ['.. in the middle', [{ path: 'a/../../outside/f', data: 'x' }], 'BAD_ARCHIVE'],
    ['a hard link with ..', [{ path: 'l', kind: 'hardlink', link: '../outside/f' }], 'BAD_ARCHIVE'],
    ['a hard link to an absolute name', [{ path: 'l', kind: 'hardlink', link: '/etc/passwd' }], 'BAD_ARCHIVE'],
    ['an absolute name', [{ path: '/outside/f', data: 'x' }], undefined],
    [
      'a link to ..',
      [
        { path: 'l', kind: 'symlink', link: '..' },
        { path: 'l/outside/f', data: 'x' },
      ],
      undefined,
    ],
    [
      'a link over a link',
      [
        { path: 'a', kind: 'symlink', link: '../../outside' },
        { path: 'b', kind: 'symlink', link: 'a' },
        { path: 'b/f', data: 'x' },
      ],
      'BAD_ARCHIVE',
    ],
    [
      'a folder that becomes a link',
      [
        { path: 'd/', kind: 'folder' },
        { path: 'd/f', data: 'x' },
        { path: 'd', kind: 'symlink', link: '../outside' },
        { path: 'd/f', data: 'x' },
      ],
      'BAD_ARCHIVE',
    ],
    [
      '/proc',
      [
        { path: 'p', kind: 'symlink', link: '/proc/self/cwd' },
        { path: 'p/f', data: 'x' },
      ],
      'BAD_ARCHIVE',
    ],
    [
      'a file through a link',
      [
        { path: 'l', kind: 'symlink', link: '../outside/f' },
        { path: 'l', data: 'x' },
      ],
      undefined,
    ],
    [
      'a hard link to a link',
      [
        { path: 'l', kind: 'symlink', link: '../outside/f' },
        { path: 'm', kind: 'hardlink', link: 'l' },
        { path: 'm', data: 'x' },
      ],
      undefined,
    ],
  ]
  test.for(ways)('%s', async ([, entries, code]) => {
    mkdirSync(join(folder, 'outside'))
    writeFileSync(join(folder, 'outside/f'), 'untouched')
    const before = statSync(join(folder, 'outside')).mtimeMs
    if (code) await expect(unpackAll(...entries)).rejects.toMatchObject({ code })
    else await unpackAll(...entries)
    expect(readFileSync(join(folder, 'outside/f'), 'utf8')).toBe('untouched')
    expect(statSync(join(folder, 'outside/f')).nlink).toBe(1)
    expect(statSync(join(folder, 'outside')).mtimeMs).toBe(before)
    expect(readdirSync(folder).sort()).toEqual(['outside', 'target'])
  })

  test.for([
    ['root', []],
    ['an ordinary user', ['learner']],
  ] as const)('1,000 hostile archives, unpacked by %s', { timeout: seconds(170) }, async ([, who]) => {
    const count = String(Math.ceil(1000 * LOAD))
    const as = who.length > 0 ? learner : []
    const argv = [...as, process.execPath, '--no-warnings', fixture, 'hostile', '/run/learner', count]
    const { stdout, stderr } = await host.exec(argv, { timeout: 160 })
    expect(stderr).toBe('')
    const { codes, wrong, space } = JSON.parse(stdout)
    expect(wrong).toEqual([])
    expect(space).toBe(who.length > 0 ? 'user' : 'trusted')
    expect(codes.unpacked, 'some of them are harmless').toBeGreaterThan(0)
    expect(codes.BAD_ARCHIVE).toBeGreaterThan(0)
  })
})

describe('limits', () => {
  test('more bytes, and more entries, than were allowed', async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ path: `f${i}`, data: 'x'.repeat(1000) }))
    await expect(open(tarOf(...many), { bytes: 10_000 })).rejects.toMatchObject({ code: 'TOO_BIG' })
    await expect(open(tarOf(...many), { entries: 10 })).rejects.toMatchObject({ code: 'TOO_BIG' })
  })

  test('a gzip of a gigabyte of zeros ends at the limit, also after the end of the archive', async () => {
    const zeros = Buffer.alloc(50_000_000)
    const bomb = gzipSync(Buffer.concat([tarOf({ path: 'f' }), zeros]))
    await expect(open(bomb, { bytes: 1_000_000 })).rejects.toMatchObject({ code: 'TOO_BIG' })
  })

  test('a full disk is said, and is no crash', async () => {
    const archive = '/run/workshop/big.tar'
    const script = `mkdir -p /run/small && mount -t tmpfs -o size=1m small /run/small && mkdir /run/small/to &&
      head -c 4000000 /dev/zero > /run/zeros && tar -cf ${archive} -C /run zeros &&
      exec "$0" --no-warnings "$1" unpack /run/small/to ${archive}`
    const { stderr, code } = await host.exec(['sh', '-c', script, process.execPath, fixture])
    expect(code).toBe(1)
    expect(stderr).toContain('the disk is full')
  })
})

describe('packing', () => {
  function tree(at: string): void {
    mkdirSync(join(at, 'dir/sub'), { recursive: true })
    writeFileSync(join(at, 'dir/b'), 'b', { mode: 0o600 })
    writeFileSync(join(at, 'dir/a'), 'a'.repeat(3000))
    linkSync(join(at, 'dir/a'), join(at, 'dir/z'))
    symlinkSync('../dir/a', join(at, 'link'))
    writeFileSync(join(at, `${'n'.repeat(120)}-ü`), '')
    chownSync(join(at, 'dir/b'), 70_000, 3_000_000)
    chmodSync(join(at, 'dir/b'), 0o4711)
    for (const path of ['dir/a', 'dir/b', `${'n'.repeat(120)}-ü`, 'dir/sub', 'dir', ''])
      utimesSync(join(at, path), 1e9, 1e9)
    spawnSync('touch', ['-h', '-d', '@1000000000', join(at, 'link')])
  }

  test('the same files make the same bytes, and GNU tar reads them', async () => {
    const [one, two] = [join(folder, 'one'), join(folder, 'two')]
    for (const at of [one, two]) {
      mkdirSync(at)
      tree(at)
    }
    const tar = await packed(one)
    expect(digestOf(await packed(two))).toBe(digestOf(tar))
    const { stderr } = spawnSync('tar', ['-C', target, '--numeric-owner', '-xpf', '-'], {
      input: tar,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(spawnSync('diff', ['-r', '--no-dereference', one, target], { encoding: 'utf8' }).stdout).toBe('')
    const b = statSync(join(target, 'dir/b'))
    expect([b.uid, b.gid, b.mode & 0o7777, b.mtimeMs]).toEqual([70_000, 3_000_000, 0o4711, 1e12])
    expect(statSync(join(target, 'dir/z')).ino).toBe(statSync(join(target, 'dir/a')).ino)
  })

  test('what is packed and unpacked and packed is the same', async () => {
    const one = join(folder, 'one')
    mkdirSync(one)
    tree(one)
    const tar = await packed(one)
    await open(tar)
    expect((await packed(target)).equals(tar)).toBe(true)
  })

  test('whiteouts and opaque folders of an upper folder are those of the layer', async () => {
    const upper = join(folder, 'upper')
    mkdirSync(join(upper, 'closed'), { recursive: true })
    spawnSync('mknod', [join(upper, 'gone'), 'c', '0', '0'])
    setAttribute(join(upper, 'closed'), 'trusted.overlay.opaque', Buffer.from('y'))
    writeFileSync(join(upper, 'closed/new'), '')
    const { stdout } = spawnSync('tar', ['-tf', '-'], { input: await packed(upper), encoding: 'utf8' })
    expect(stdout.trim().split('\n')).toEqual(['./', 'closed/', 'closed/.wh..wh..opq', 'closed/new', '.wh.gone'])
  })

  test('ids of a user namespace are written as the container saw them', async () => {
    const upper = join(folder, 'upper')
    mkdirSync(upper)
    writeFileSync(join(upper, 'f'), '')
    chownSync(join(upper, 'f'), 200_033, 300_044)
    const range = (outside: number) => [{ inside: 0, outside, count: 65536 }]
    const ids = { uids: range(200_000), gids: range(300_000), setgroups: 'allow', by: 'caller' }
    await open(await packed(upper, { ids }))
    expect([lstatSync(join(target, 'f')).uid, lstatSync(join(target, 'f')).gid]).toEqual([33, 44])
  })

  test('a renamed folder, of which the upper folder holds only a note, is no layer', async () => {
    const upper = join(folder, 'upper')
    mkdirSync(join(upper, 'moved'), { recursive: true })
    setAttribute(join(upper, 'moved'), 'trusted.overlay.redirect', Buffer.from('old'))
    await expect(packed(upper)).rejects.toMatchObject({ code: 'FAILED' })
  })

  test('a socket is left out, and a sparse file is as long as it was', async () => {
    const upper = join(folder, 'upper')
    mkdirSync(upper)
    writeFileSync(join(upper, 'sparse'), '')
    truncateSync(join(upper, 'sparse'), 5_000_000)
    const server = createServer().listen(join(upper, 'socket'))
    await once(server, 'listening')
    const warnings: string[] = []
    await open(await packed(upper, { warn: (message: string) => warnings.push(message) }))
    server.close()
    expect([existsSync(join(target, 'socket')), statSync(join(target, 'sparse')).size]).toEqual([false, 5_000_000])
    expect(warnings).toEqual(['/socket is a socket; left out'])
  })
})
