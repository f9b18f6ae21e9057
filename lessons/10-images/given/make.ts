/*
 * Makes what an entry of a layer describes: files, folders, links, nodes; with owner, permissions, attributes and time.
 */
import { randomUUID } from 'node:crypto'
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { bind } from '#given/libc.ts'
import { setAttribute, setAttributeOf } from './attributes.ts'
import { type Beneath, splitPath } from './beneath.ts'
import { ImageError } from './errors.ts'
import { removeTree, writeAll } from './files.ts'
import type { Entry } from './tar-read.ts'
import { Giver, type Traits, type Warn } from './traits.ts'
import type { AttributeSpace } from './whiteouts.ts'

const mknod = bind('int mknod(const char *pathname, mode_t mode, dev_t dev)')
const NODES: Record<string, number> = { fifo: 0o010000, char: 0o020000, block: 0o060000 }
const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants
const YES = Buffer.from('y')

const UNMENTIONED: Traits = { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: new Map() }

export class Maker {
  readonly #beneath: Beneath
  readonly #space: AttributeSpace
  readonly #warn: Warn
  readonly #giver: Giver
  readonly #aside = `.${randomUUID()}` // no name in an archive can be this
  /** What folders are to be in the end, by inode: until then we must be able to write in them. */
  readonly #folders = new Map<bigint, { parts: string[]; traits: Traits }>()

  constructor(beneath: Beneath, space: AttributeSpace, warn: Warn) {
    this.#beneath = beneath
    this.#space = space
    this.#warn = warn
    this.#giver = new Giver(space, warn)
    this.#later([], `${beneath.root}/.`, UNMENTIONED)
  }

  /** The layer's own folder. */
  root(entry: Entry): void {
    if (entry.kind !== 'folder') throw new ImageError('BAD_ARCHIVE', 'the root of a layer is a folder')
    this.#later([], `${this.#beneath.root}/.`, entry)
  }

  /** Makes an entry; of two with one name the last counts, but folders are merged. */
  async make(parts: string[], entry: Entry): Promise<void> {
    if (entry.kind === 'hardlink') return this.#hardlink(parts, entry)
    const place = this.#place(parts)
    const there = look(place)
    if (entry.kind === 'folder') return this.#folder(parts, place, there, entry)
    if (entry.kind === 'char' && entry.major === 0 && entry.minor === 0)
      return this.#warn('0:0', `${entry.path}: a device 0:0 would be a whiteout; left out`)
    if (there) remove(place, there)
    if (entry.kind === 'file') return this.#file(place, entry)
    if (entry.kind === 'symlink') symlinkSync(entry.link, place)
    else if (!this.#node(place, entry)) return
    this.#giver.own(entry, (uid, gid) => lchownSync(place, uid, gid))
    if (entry.kind !== 'symlink') chmodSync(place, entry.mode)
    lutimesSync(place, entry.mtime, entry.mtime)
  }

  /** Hides a name of the layers below. What this layer itself has by that name stays. */
  hide(parts: string[]): void {
    const place = this.#place(parts)
    const there = look(place)
    if (!there)
      mknod(place, NODES.char ?? 0, 0) // this one takes no privilege, since Linux 5.8
    else if (there.isDirectory()) this.opaque(parts)
  }

  /** Hides all that the layers below have in a folder. */
  opaque(parts: string[]): void {
    setOpaque(this.#place([...parts, '.']), this.#space)
  }

  /** Gives the folders what they are to have; the deepest first, since one may take our right to enter it. */
  finish(): void {
    const deepestFirst = [...this.#folders].sort(([, a], [, b]) => b.parts.length - a.parts.length)
    for (const [ino, { parts, traits }] of deepestFirst) {
      const place = this.#placeOf(parts)
      if (!place || look(place)?.ino !== ino) continue // a later entry has its name
      this.#giver.own(traits, (uid, gid) => chownSync(place, uid, gid))
      this.#giver.attributes(traits, (name, value) => setAttribute(place, name, value))
      lutimesSync(place, traits.mtime, traits.mtime)
      chmodSync(place, traits.mode) // last: place ends in `/.`, and takes the right to enter
    }
  }

  #placeOf(parts: string[]): string | undefined {
    try {
      return this.#beneath.place([...parts, '.'])
    } catch (error) {
      if (error instanceof ImageError) return undefined
      throw error
    }
  }

  #place(parts: string[]): string {
    return this.#beneath.place(parts, (place, way) => {
      const there = look(place)
      if (there && !isWhiteout(there))
        throw new ImageError('BAD_ARCHIVE', `/${way.join('/')} in the layer is no folder`)
      this.#folder(way, place, there, UNMENTIONED)
    })
  }

  #folder(parts: string[], place: string, there: BigIntStats | undefined, traits: Traits): void {
    if (!there?.isDirectory()) {
      if (there) remove(place, there)
      mkdirSync(place, 0o700)
      // Hidden below, and here anew.
      if (there && isWhiteout(there)) setOpaque(place, this.#space)
    }
    this.#later(parts, place, traits)
  }

  #later(parts: string[], place: string, { mode, uid, gid, mtime, xattrs }: Traits): void {
    this.#folders.set(lstatSync(place, BIG).ino, { parts, traits: { mode, uid, gid, mtime, xattrs } })
  }

  async #file(place: string, entry: Entry): Promise<void> {
    const fd = openSync(place, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    try {
      for await (const piece of entry.body()) writeAll(fd, piece)
      this.#giver.own(entry, (uid, gid) => fchownSync(fd, uid, gid)) // first: it takes setuid and file capabilities away
      this.#giver.attributes(entry, (name, value) => setAttributeOf(fd, name, value)) // while we may write to it
      fchmodSync(fd, entry.mode)
      futimesSync(fd, entry.mtime, entry.mtime)
    } finally {
      closeSync(fd)
    }
  }

  /** By way of a name of its own: it may take the place of a folder that holds its target. */
  #hardlink(parts: string[], entry: Entry): void {
    const source = this.#beneath.place(splitPath(entry.link))
    const there = look(source)
    if (!there || there.isDirectory() || isWhiteout(there))
      throw new ImageError(
        'BAD_ARCHIVE',
        `a hard link to ${JSON.stringify(entry.link)}, and the layer has no such file`,
      )
    const aside = `${this.#beneath.root}/${this.#aside}`
    linkSync(source, aside)
    try {
      const place = this.#place(parts)
      const old = look(place)
      if (old?.ino === there.ino) return
      if (old) remove(place, old)
      linkSync(aside, place)
    } finally {
      unlinkSync(aside)
    }
  }

  #node(place: string, entry: Entry): boolean {
    try {
      mknod(place, (NODES[entry.kind] ?? 0) | 0o600, makedev(entry.major, entry.minor))
      return true
    } catch (error) {
      if (this.#space === 'trusted' || codeOf(error) !== 'EPERM') throw error
      this.#warn('device', `${entry.path}: only root can make device nodes; they are left out`)
      return false
    }
  }
}

const BIG = { bigint: true } as const
const look = (place: string) => lstatSync(place, { ...BIG, throwIfNoEntry: false })
const isWhiteout = (there: BigIntStats) => there.isCharacterDevice() && there.rdev === 0n
const codeOf = (error: unknown) => (error as { code?: string }).code

function remove(place: string, there: BigIntStats): void {
  if (there.isDirectory()) removeTree(place)
  else unlinkSync(place)
}

/** Both, where we may: the same layer can be mounted with and without `userxattr`. */
function setOpaque(folder: string, space: AttributeSpace): void {
  if (space === 'trusted') setAttribute(folder, 'trusted.overlay.opaque', YES)
  try {
    setAttribute(folder, 'user.overlay.opaque', YES)
  } catch (error) {
    if (space === 'user' || codeOf(error) !== 'EOPNOTSUPP') throw error // an old tmpfs has no user.*
  }
}

/** A device number as glibc packs it: makedev(3). */
function makedev(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return ((a & ~0xfffn) << 32n) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) | (b & 0xffn)
}
