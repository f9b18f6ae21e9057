/*
 * Writes a tar, always the same for the same files: pax where a header has no room, no user names, no access times.
 */
import { Header } from 'tar'
import { formatPax } from './pax.ts'
import type { Said } from './tar-read.ts'

/** What is to be written of an entry; `mtime` in whole seconds. */
export type NewEntry = Omit<Said, Optional> & Partial<Pick<Said, Optional>>
type Optional = 'link' | 'major' | 'minor' | 'xattrs'

const BLOCK = 512

const TYPES = {
  file: 'File',
  folder: 'Directory',
  symlink: 'SymbolicLink',
  hardlink: 'Link',
  char: 'CharacterDevice',
  block: 'BlockDevice',
  fifo: 'FIFO',
} as const

const MOST_ID = 0o7777777
const MOST_SIZE = 0o77777777777

/** The header of an entry, with a pax header before it where it needs one. Its bytes and padding() come next. */
export function headerOf(entry: NewEntry): Buffer {
  const records = recordsOf(entry)
  const header = encode(entry, records.size > 0)
  if (records.size === 0) return header
  const data = formatPax(records)
  const pax = new Header({ path: 'PaxHeader', mode: 0o644, uid: 0, gid: 0, size: data.length, mtime: new Date(0) })
  pax.type = 'ExtendedHeader'
  pax.encode()
  return Buffer.concat([pax.block ?? Buffer.alloc(BLOCK), data, padding(data.length), header])
}

/** What fills up the last block. */
export const padding = (size: number) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

/** How a tar ends. */
export const END = Buffer.alloc(2 * BLOCK)

function recordsOf({ path, link = '', uid, gid, size, mtime, xattrs }: NewEntry): Map<string, string | Buffer> {
  const records = new Map<string, string | Buffer>()
  if (!fits(path)) records.set('path', path)
  if (!fits(link)) records.set('linkpath', link)
  if (uid > MOST_ID) records.set('uid', String(uid))
  if (gid > MOST_ID) records.set('gid', String(gid))
  if (size > MOST_SIZE) records.set('size', String(size))
  if (mtime < 0 || mtime > MOST_SIZE) records.set('mtime', String(mtime))
  for (const [name, value] of xattrs ?? []) records.set(`SCHILY.xattr.${name}`, value)
  return records
}

/** Plain ASCII, and not longer than its field: then the header alone will do. */
const fits = (text: string) => Buffer.byteLength(text) === text.length && text.length <= 100

function encode({ path, kind, mode, uid, gid, size, mtime, link = '', major = 0, minor = 0 }: NewEntry, pax: boolean) {
  const header = new Header({
    path: fits(path) ? path : cut(path),
    mode,
    uid: pax ? Math.min(uid, MOST_ID) : uid,
    gid: pax ? Math.min(gid, MOST_ID) : gid,
    size: pax ? Math.min(size, MOST_SIZE) : size,
    mtime: new Date((mtime < 0 || mtime > MOST_SIZE ? 0 : mtime) * 1000),
    linkpath: fits(link) ? link : cut(link),
    devmaj: major,
    devmin: minor,
  })
  header.type = TYPES[kind]
  header.encode()
  return header.block ?? Buffer.alloc(BLOCK)
}

/** The whole text is in the pax header; this is for programs that do not read it. */
const cut = (text: string) => text.replace(/[^\x20-\x7e]/g, '_').slice(0, 90)
