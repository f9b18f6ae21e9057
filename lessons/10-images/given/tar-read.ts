/*
 * Reads a tar: what its headers say, checked and completed by pax and GNU records, but nothing believed yet.
 *
 * The header's 512 bytes are decoded by the package tar. Its own Parser is not used, since that turns pax records into
 * text (a file capability in one is lost), and knows device numbers in POSIX's format only: GNU's /dev/null would be
 * 0:0, and that is overlayfs's whiteout.
 */
import { Header } from 'tar'
import { Blocks } from './blocks.ts'
import type { Bytes } from './digest.ts'
import { ImageError } from './errors.ts'
import { parsePax, type Records } from './pax.ts'

export type Kind = 'file' | 'folder' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo'

export interface Entry {
  /** As it stands there. */
  path: string
  kind: Kind
  /** Permissions, with setuid, setgid and sticky. */
  mode: number
  uid: number
  gid: number
  size: number
  /** Seconds since 1970. */
  mtime: number
  /** Where a link leads. */
  link: string
  major: number
  minor: number
  xattrs: Records
  /** Where its bytes begin in the tar. */
  offset: number
  /** Its bytes, once. What is not read is passed over. */
  body(): Bytes
}

/** What the headers say of an entry. */
export type Said = Omit<Entry, 'body' | 'offset'>

const BLOCK = 512
const META = 1024 * 1024 // bytes of a record: a name is at most 4096 long, but there can be many attributes
const PIECE = 1024 * 1024

const KINDS: Record<string, Kind> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'folder',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
  CharacterDevice: 'char',
  BlockDevice: 'block',
  FIFO: 'fifo',
}

/**
 * The entries of a plain tar, to its end.
 *
 * @param limit bytes of the whole stream, what comes after the end included
 * @throws {ImageError} BAD_ARCHIVE, UNKNOWN_TYPE, TOO_BIG
 */
export async function* entries(chunks: Bytes, limit?: number): AsyncGenerator<Entry> {
  const blocks = new Blocks(chunks, limit)
  try {
    const global: Records = new Map()
    let local: Records = new Map()
    for (let empty = 0; empty < 2; ) {
      const block = await blocks.exactly(BLOCK)
      if (block === undefined) break // some programs leave out the two empty blocks
      const header = decode(block)
      if (header.nullBlock) {
        empty++
        continue
      }
      if (empty > 0 || !header.cksumValid)
        throw new ImageError('BAD_ARCHIVE', `no tar header at byte ${blocks.bytes}, where one should be`)
      const meta = META_TYPES[header.type]
      if (meta) {
        const data = await readMeta(blocks, header)
        if (meta === 'global') for (const [key, value] of parsePax(data)) global.set(key, value)
        else local = meta === 'local' ? merged(local, parsePax(data)) : local.set(meta, withoutEnd(data))
        continue
      }
      const entry = complete(header, block, merged(global, local))
      local = new Map()
      const body = new Body(blocks, entry.size)
      yield { ...entry, offset: blocks.position, body: () => body.read() }
      await body.skip()
    }
    while ((await blocks.some(PIECE)) !== undefined); // to the end, for the digest
  } finally {
    await blocks.stop()
  }
}

/** Entries that are not files but say something of the next one, or of all. */
const META_TYPES: Record<string, 'global' | 'local' | 'path' | 'linkpath'> = {
  GlobalExtendedHeader: 'global',
  ExtendedHeader: 'local',
  OldExtendedHeader: 'local',
  NextFileHasLongPath: 'path',
  OldGnuLongPath: 'path',
  NextFileHasLongLinkpath: 'linkpath',
}

function decode(block: Buffer): Header {
  try {
    return new Header(block)
  } catch (error) {
    throw new ImageError('BAD_ARCHIVE', `a tar header is broken: ${(error as Error).message}`)
  }
}

async function readMeta(blocks: Blocks, { size = 0 }: Header): Promise<Buffer> {
  if (!(size >= 0 && size <= META))
    throw new ImageError('BAD_ARCHIVE', `a header of ${size} bytes: more than a name needs`)
  const data = size === 0 ? Buffer.alloc(0) : await blocks.exactly(Math.ceil(size / BLOCK) * BLOCK)
  if (data === undefined) throw new ImageError('BAD_ARCHIVE', 'the archive ends after a header')
  return Buffer.from(data.subarray(0, size))
}

const merged = (first: Records, second: Records): Records => new Map([...first, ...second])
const withoutEnd = (data: Buffer) => data.subarray(0, data.includes(0) ? data.indexOf(0) : data.length)

/** What a header and its records say together. */
function complete(header: Header, block: Buffer, records: Records): Said {
  const text = (key: string) => records.get(key)?.toString('utf8')
  const path = text('path') || header.path || ''
  const kind = KINDS[header.type]
  if (!kind) throw new ImageError('UNKNOWN_TYPE', `${path}: a tar entry of type '${typeOf(block)}' is not known here`)
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw new ImageError('UNKNOWN_TYPE', `${path}: GNU's sparse files are not known here; pack it without --sparse`)
  const entry = {
    path,
    kind,
    mode: (header.mode ?? 0) & 0o7777,
    uid: number(text('uid'), header.uid),
    gid: number(text('gid'), header.gid),
    size: kind === 'file' ? number(text('size'), header.size ?? Number.NaN) : 0, // links and the like have no body, as Docker reads it
    mtime: Math.max(0, number(text('mtime'), (header.mtime?.getTime() ?? 0) / 1000)), // Node takes a negative one for now
    link: text('linkpath') || header.linkpath || '',
    major: device(block, 329),
    minor: device(block, 337),
    xattrs: xattrsOf(records),
  }
  refuseNonsense(entry)
  return entry
}

/** A record's number, or the header's. */
function number(record: string | undefined, field = 0): number {
  if (record === undefined || record === '') return field
  return /^-?\d+(\.\d+)?$/.test(record) ? Number(record) : Number.NaN
}

const typeOf = (block: Buffer) => block.toString('latin1', 156, 157)

/** An octal number, or none: the package reads it in POSIX's format only. */
const device = (block: Buffer, at: number) => Number.parseInt(block.toString('latin1', at, at + 8), 8) || 0

const XATTR = 'SCHILY.xattr.'

function xattrsOf(records: Records): Records {
  const found = [...records].filter(([key]) => key.startsWith(XATTR))
  return new Map(found.map(([key, value]) => [key.slice(XATTR.length), value]))
}

function refuseNonsense({ path, link, size, uid, gid, mtime }: Said): void {
  const shown = JSON.stringify(path)
  const broken = (what: string) => new ImageError('BAD_ARCHIVE', `${shown} in the archive: ${what}`)
  if (path === '') throw broken('an entry without a name')
  for (const name of [path, link]) {
    if (name.includes('\0')) throw broken('a name with a null byte')
    if (name.includes('\uFFFD')) throw broken('a name that is not UTF-8')
  }
  if (!(Number.isSafeInteger(size) && size >= 0)) throw broken(`a size of ${size}`)
  for (const id of [uid, gid]) if (!(Number.isInteger(id) && id >= 0 && id < 0xffffffff)) throw broken(`an owner ${id}`)
  if (!(Math.abs(mtime) < 2 ** 40)) throw broken(`a time of ${mtime}`)
}

/** The bytes of one entry, and the padding after them. */
class Body {
  readonly #blocks: Blocks
  #left: number
  #padded: number

  constructor(blocks: Blocks, size: number) {
    this.#blocks = blocks
    this.#left = size
    this.#padded = Math.ceil(size / BLOCK) * BLOCK
  }

  async *read(): Bytes {
    while (this.#left > 0) {
      const piece = await this.#piece(this.#left)
      this.#left -= piece.length
      yield piece
    }
  }

  async skip(): Promise<void> {
    this.#left = 0
    while (this.#padded > 0) await this.#piece(this.#padded)
  }

  async #piece(length: number): Promise<Buffer> {
    const piece = await this.#blocks.some(Math.min(length, PIECE))
    if (piece === undefined) throw new ImageError('BAD_ARCHIVE', 'the archive ends in the middle of a file')
    this.#padded -= piece.length
    return piece
  }
}
