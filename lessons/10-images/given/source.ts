/*
 * Where images come from: a folder of files, or an archive of them, packed or not. Files are asked for by name, in any
 * order, so an archive must be one that can be read at any place; what is packed is first unpacked aside.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { copyTo, fileStream } from './blobs.ts'
import { compressionOf, unpacked, whole } from './compression.ts'
import type { Bytes } from './digest.ts'
import { ImageError, troubleWith } from './errors.ts'
import { entries } from './tar-read.ts'

export interface Source {
  has(name: string): boolean
  /** @throws {ImageError} BAD_ARCHIVE where it is not there */
  read(name: string): Bytes
}

const LONGEST_TEXT = 4 * 1024 * 1024 // bytes; registries allow as much
const MOST_LINKS = 10

/** A file that is a JSON text, as it stands there. */
export function readText(source: Source, name: string): Promise<Buffer> {
  return whole(source.read(name), LONGEST_TEXT)
}

/**
 * Opens a file or a folder.
 *
 * @param work where a packed archive is unpacked
 * @throws {ImageError} NOT_FOUND, BAD_ARCHIVE
 */
export async function openSource(path: string, work: string): Promise<Source> {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new ImageError('NOT_FOUND', `${path}: there is no such file or folder`)
  if (stats.isDirectory()) return new Folder(path)
  try {
    if (stats.isFile() && compressionOf(headOf(path)) === 'none') return await Archive.open(path)
    const plain = join(work, 'archive.tar')
    await copyTo(plain, unpacked(fileStream(path)))
    return await Archive.open(plain)
  } catch (error) {
    throw troubleWith(path, error)
  }
}

function headOf(path: string): Buffer {
  const fd = openSync(path, 'r')
  const head = Buffer.alloc(16)
  const length = readSync(fd, head)
  closeSync(fd)
  return head.subarray(0, length)
}

class Folder implements Source {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  has(name: string): boolean {
    return statSync(join(this.#path, name), { throwIfNoEntry: false })?.isFile() ?? false // a FIFO would block us
  }

  read(name: string): Bytes {
    if (!this.has(name)) throw missing(name)
    return fileStream(join(this.#path, name))
  }
}

interface Part {
  offset: number
  size: number
  /** Another name that has the bytes: docker save makes links of layers that are the same. */
  link?: string
}

class Archive implements Source {
  readonly #path: string
  readonly #parts: Map<string, Part>

  constructor(path: string, parts: Map<string, Part>) {
    this.#path = path
    this.#parts = parts
  }

  static async open(path: string): Promise<Archive> {
    const parts = new Map<string, Part>()
    for await (const { path: name, kind, link, offset, size } of entries(fileStream(path))) {
      const clean = posix.normalize(name)
      if (kind === 'file') parts.set(clean, { offset, size })
      if (kind === 'hardlink') parts.set(clean, { offset, size, link: posix.normalize(link) })
      if (kind === 'symlink') parts.set(clean, { offset, size, link: posix.join(posix.dirname(clean), link) })
    }
    return new Archive(path, parts)
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  async *read(name: string): Bytes {
    const part = this.#find(name)
    if (!part) throw missing(name)
    const { offset, size } = part
    if (size > 0) yield* fileStream(this.#path, { start: offset, end: offset + size - 1 })
  }

  #find(name: string): Part | undefined {
    let part = this.#parts.get(posix.normalize(name))
    for (let links = 0; part?.link !== undefined; links++) {
      if (links > MOST_LINKS) return undefined
      part = this.#parts.get(part.link)
    }
    return part
  }
}

function missing(name: string): ImageError {
  return new ImageError('BAD_ARCHIVE', `${JSON.stringify(name)} is missing in it`)
}
