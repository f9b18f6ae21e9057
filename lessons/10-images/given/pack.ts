/*
 * Packs a folder as a layer's tar: the upper folder of an overlay, or a plain one. The same files make the same bytes,
 * so a layer's digest tells whether anything has changed.
 *
 * The folder may be a running container's. Each folder is opened without following links, and what is in it is reached
 * through its descriptor: a container that swaps a folder for a link while we look gains nothing.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { isOpaque } from '#given/union.ts'
import type { Ids } from '#given/user/ids.ts'
import { attributesOf } from './attributes.ts'
import type { Bytes } from './digest.ts'
import { ImageError, troubleWith } from './errors.ts'
import type { LayerOptions } from './interface.ts'
import type { Kind } from './tar-read.ts'
import { END, headerOf, type NewEntry, padding } from './tar-write.ts'
import { isOverlayAttribute, isReserved, opaqueIn, whiteoutOf } from './whiteouts.ts'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants
const PIECE = 256 * 1024
const LONGEST = 3800 // bytes: PATH_MAX, less a name

/**
 * The tar of a folder.
 *
 * @throws {ImageError} FAILED where a file changes while it is read, or its name is not UTF-8
 */
export async function* pack(folder: string, options: LayerOptions = {}): Bytes {
  const fd = openSync(folder, O_RDONLY | O_DIRECTORY)
  try {
    yield* new Packer(fstatSync(fd, BIG).dev, options).folder(fd, '')
    yield END
  } finally {
    closeSync(fd)
  }
}

/**
 * The tar of one file, symbolic link, or folder with all in it, by another name.
 *
 * @param place a path whose last name is not followed: beneath.ts
 * @throws {ImageError} FAILED, as pack()
 */
export async function* packOne(place: string, name: string, options: LayerOptions = {}): Bytes {
  yield* new Packer(lstatSync(place, BIG).dev, { ...options, from: 'plain' }).entry(place, name)
  yield END
}

const BIG = { bigint: true } as const

class Packer {
  readonly #device: bigint
  readonly #options: LayerOptions
  /** Files with several names, by inode: the path of the first. */
  readonly #links = new Map<bigint, string>()

  constructor(device: bigint, options: LayerOptions) {
    this.#device = device
    this.#options = options
  }

  /** A folder and all in it, sorted. */
  *folder(fd: number, path: string): Generator<Buffer> {
    if (Buffer.byteLength(path) > LONGEST)
      throw new ImageError('FAILED', `folders too deep to unpack again: /${path.slice(0, 60)}…`)
    const stats = fstatSync(fd, BIG)
    const xattrs = attributesOf(fd)
    yield headerOf({
      ...this.#traits(stats),
      path: path === '' ? './' : `${path}/`,
      kind: 'folder',
      xattrs: kept(xattrs),
    })
    if (this.#isUpper) {
      refuseClever(path, xattrs)
      if (isOpaque(`/proc/self/fd/${fd}/.`)) yield headerOf(empty(opaqueIn(path)))
    }
    if (stats.dev !== this.#device) return this.#say(`/${path} is a mount; what is in it is left out`)
    for (const name of readdirSync(`/proc/self/fd/${fd}`).sort()) {
      const inside = path === '' ? name : `${path}/${name}`
      if (name.includes('\uFFFD')) throw new ImageError('FAILED', `${JSON.stringify(inside)}: its name is not UTF-8`)
      try {
        yield* this.entry(`/proc/self/fd/${fd}/${name}`, inside)
      } catch (error) {
        throw troubleWith(`/${inside}`, error)
      }
    }
  }

  /** Whatever is at a place: a file, a link, a folder with all in it. */
  *entry(place: string, path: string): Generator<Buffer> {
    const stats = lstatSync(place, BIG)
    if (stats.isSymbolicLink())
      return yield headerOf({ ...this.#traits(stats), path, kind: 'symlink', link: readlinkSync(place) })
    if (stats.isSocket()) return this.#say(`/${path} is a socket; left out`)
    if (isReserved(path.slice(path.lastIndexOf('/') + 1)))
      return this.#say(`/${path} is left out: in a layer such a name means that another is gone`)
    if (this.#isUpper && stats.isCharacterDevice() && stats.rdev === 0n) return yield headerOf(empty(hidden(path)))
    const first = stats.isDirectory() || stats.nlink === 1n ? undefined : this.#links.get(stats.ino)
    if (first !== undefined) return yield headerOf({ ...this.#traits(stats), path, kind: 'hardlink', link: first })
    if (stats.nlink > 1n) this.#links.set(stats.ino, path)
    const node = nodeOf(stats)
    if (node) return yield headerOf({ ...this.#traits(stats), ...node, path })
    const fd = openSync(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (stats.isDirectory() ? O_DIRECTORY : 0))
    try {
      if (stats.isDirectory()) yield* this.folder(fd, path)
      else yield* this.#file(fd, path)
    } finally {
      closeSync(fd)
    }
  }

  *#file(fd: number, path: string): Generator<Buffer> {
    const stats = fstatSync(fd, BIG)
    const size = Number(stats.size)
    const xattrs = kept(attributesOf(fd))
    yield headerOf({ ...this.#traits(stats), path, kind: 'file', size, xattrs })
    for (let left = size; left > 0; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, left))
      const length = readSync(fd, piece)
      if (length === 0) throw new ImageError('FAILED', `/${path} became shorter while it was read; stop what writes it`)
      yield piece.subarray(0, length)
      left -= length
    }
    yield padding(size)
  }

  #traits(stats: BigIntStats): Pick<NewEntry, 'mode' | 'uid' | 'gid' | 'mtime' | 'size'> {
    const seconds = Number(stats.mtimeNs / 1_000_000_000n)
    return {
      mode: Number(stats.mode) & 0o7777,
      uid: inside(Number(stats.uid), this.#options.ids?.uids, process.geteuid?.()),
      gid: inside(Number(stats.gid), this.#options.ids?.gids, process.getegid?.()),
      mtime: Math.min(seconds, this.#options.newest ?? seconds),
      size: 0,
    }
  }

  get #isUpper(): boolean {
    return this.#options.from !== 'plain'
  }

  #say(message: string): void {
    this.#options.warn?.(message)
  }
}

/** An id of the host as one of the container's. Who is not root and has one id is root inside. */
function inside(id: number, ranges: Ids['uids'] | undefined, own = 0): number {
  const range = ranges?.find(({ outside, count }) => id >= outside && id < outside + count)
  if (range) return id - range.outside + range.inside
  return id === own ? 0 : id
}

const empty = (path: string): NewEntry => ({ path, kind: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 })
const hidden = (path: string) => path.replace(/[^/]*$/, whiteoutOf)

function nodeOf({ rdev, ...stats }: BigIntStats): { kind: Kind; major: number; minor: number } | undefined {
  const kind = NODES[Number(stats.mode) & 0o170000]
  if (!kind) return undefined
  const major = Number(((rdev >> 32n) & ~0xfffn) | ((rdev >> 8n) & 0xfffn))
  const minor = Number(((rdev >> 12n) & ~0xffn) | (rdev & 0xffn))
  return { kind, major, minor }
}

const NODES: Record<number, Kind> = { 2401: 'fifo', 4802: 'char', 14406: 'block' }

/** Attributes that belong to the file, not to this machine. */
function kept(xattrs: Map<string, Buffer>): Map<string, Buffer> {
  const own = (name: string) =>
    name === 'security.capability' || (name.startsWith('user.') && !isOverlayAttribute(name))
  return new Map([...xattrs].filter(([name]) => own(name)))
}

/** With redirect_dir or metacopy, an upper folder does not hold what it shows. */
function refuseClever(path: string, xattrs: Map<string, Buffer>): void {
  const clever = [...xattrs.keys()].find((name) => /\.overlay\.(redirect|metacopy)$/.test(name))
  if (!clever) return
  throw new ImageError('FAILED', `/${path} has ${clever}: mount the overlay with redirect_dir=off,metacopy=off`)
}
