/*
 * Archives made to break out, or to break what reads them; always the same for one seed.
 */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { formatPax } from '../../lessons/10-images/given/pax.ts'
import type { Kind } from '../../lessons/10-images/given/tar-read.ts'
import { dice, entry, type Wanted } from './tars.ts'

type Roll = () => number
const one = <T>(roll: Roll, list: readonly T[]): T => list[Math.floor(roll() * list.length)] as T
const often = (roll: Roll, share: number) => roll() < share

/** Few names, so that entries meet, and all the ways out that archives have been known to try. */
const NAMES = ['a', 'b', 'c', 'a/b', 'a/b/c', 'b/a', 'c/x', 'link', 'link/x', 'link/a/b', './a', 'a/', 'a//b', 'a/./b']
const WAYS_OUT = ['../x', '../../x', 'a/../../outside/f', '/../outside/f', 'link/../../x', '..', 'a/..', '/', '.', './']
const WHITEOUTS = ['.wh.a', 'a/.wh.b', '.wh..wh..opq', 'a/.wh..wh..opq', '.wh.', '.wh..', '.wh...', 'b/.wh..wh.plnk']
const STRANGE = [
  '',
  'a\0b',
  'ü',
  'a\nb',
  '-rf',
  '~',
  '*',
  `${'d/'.repeat(300)}f`,
  'n'.repeat(256),
  'n'.repeat(5000),
  '\uFFFD',
]
const KINDS: Kind[] = ['file', 'file', 'folder', 'folder', 'symlink', 'symlink', 'hardlink', 'char', 'block', 'fifo']

/** @param outside a folder that must not change, as a way to it */
export function hostileArchive(seed: number, outside: string): Buffer {
  const roll = dice(seed)
  const parts = Array.from({ length: 1 + Math.floor(roll() * 12) }, () => anEntry(roll, outside))
  const whole = Buffer.concat([...parts, Buffer.alloc(often(roll, 0.9) ? 1024 : 512 * Math.floor(roll() * 3))])
  const damaged = often(roll, 0.15) ? damage(roll, whole) : whole
  if (often(roll, 0.9)) return damaged
  const packed = often(roll, 0.5) ? gzipSync(damaged) : zstdCompressSync(damaged)
  return often(roll, 0.5) ? damage(roll, packed) : packed
}

function anEntry(roll: Roll, outside: string): Buffer {
  const kind = one(roll, KINDS)
  const targets = [
    outside,
    `${outside}/f`,
    '/',
    '..',
    '../outside',
    '../../..',
    '/etc',
    '/proc/self/root',
    '/proc/self/cwd',
    '/proc/self/fd/3',
  ]
  const links = [...targets, ...NAMES, 'link', '.', '', 'a/../b']
  const path = one(roll, [
    NAMES,
    NAMES,
    NAMES,
    NAMES,
    WAYS_OUT,
    WHITEOUTS,
    [...STRANGE, `${outside}/f`, `${outside}/new`],
  ])
  const wanted: Wanted = {
    path: one(roll, path),
    kind,
    mode: one(roll, [0o644, 0o755, 0o4755, 0o000, 0o1777, 0o7777]),
    uid: one(roll, [0, 1000, 65534, 2 ** 31, 0o7777777]),
    mtime: one(roll, [0, 1_700_000_000, -1, 2 ** 33]),
  }
  if (kind === 'symlink' || kind === 'hardlink') wanted.link = one(roll, links)
  if (kind === 'char' || kind === 'block')
    Object.assign(wanted, { major: one(roll, [0, 1, 8, 259]), minor: one(roll, [0, 3]) })
  if (kind === 'file') wanted.data = 'x'.repeat(one(roll, [0, 1, 511, 512, 513, 3000]))
  if (often(roll, 0.1)) wanted.xattrs = new Map([[one(roll, ATTRIBUTES), Buffer.from(one(roll, ['y', '/', outside]))]])
  if (often(roll, 0.05)) return Buffer.concat([aPax(roll, outside), entry({ ...wanted, path: 'a' })])
  const made = entry(wanted)
  return often(roll, 0.05) ? lying(roll, made) : made
}

const ATTRIBUTES = [
  'trusted.overlay.redirect',
  'trusted.overlay.opaque',
  'user.overlay.redirect',
  'user.mine',
  'security.capability',
  'system.posix_acl_access',
]

/** A pax header of its own, which says something else than the header after it. */
function aPax(roll: Roll, outside: string): Buffer {
  const records: [string, string][] = [
    ['path', `${outside}/f`],
    ['path', '../outside/f'],
    ['linkpath', outside],
    ['size', one(roll, ['0', '-1', '99999999999999', 'many', '1e3'])],
    ['uid', '-5'],
    ['mtime', 'yesterday'],
    ['GNU.sparse.major', '1'],
  ]
  const data = often(roll, 0.8) ? formatPax(new Map([one(roll, records)])) : Buffer.from('99 path=a\n')
  const made = entry({ path: 'PaxHeader', data })
  return typed(made, one(roll, ['x', 'x', 'g', 'X', 'L', 'K']))
}

/** A header with another type, another size, or a checksum that is not right. */
function lying(roll: Roll, made: Buffer): Buffer {
  if (often(roll, 0.3)) return typed(made, one(roll, ['S', 'D', 'M', 'V', '7', 'Z', '\0']))
  if (often(roll, 0.5)) return sized(made, one(roll, [2 ** 33 - 1, 10_000, 1]))
  return damage(roll, made)
}

function typed(made: Buffer, type: string): Buffer {
  made.write(type, 156, 'latin1')
  return summed(made)
}

function sized(made: Buffer, size: number): Buffer {
  made.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  return summed(made)
}

function summed(made: Buffer): Buffer {
  made.fill(' ', 148, 156)
  const sum = made.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  made.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return made
}

function damage(roll: Roll, data: Buffer): Buffer {
  if (often(roll, 0.4)) return data.subarray(0, Math.floor(roll() * data.length))
  const copy = Buffer.from(data)
  for (let i = 0; i < 3; i++) copy[Math.floor(roll() * copy.length)] = Math.floor(roll() * 256)
  return copy
}
