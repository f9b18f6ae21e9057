/*
 * Unpacks a layer's tar into a folder, which then is a lower folder for overlayfs. Nothing is ever written outside of
 * it: beneath.ts.
 */
import { Beneath, splitPath } from './beneath.ts'
import { tooBig } from './blocks.ts'
import type { Bytes } from './digest.ts'
import { ImageError, troubleWith } from './errors.ts'
import type { Limit } from './interface.ts'
import { Maker } from './make.ts'
import { type Entry, entries } from './tar-read.ts'
import type { Warn } from './traits.ts'
import { type AttributeSpace, meaningOf } from './whiteouts.ts'

/** What an archive unpacks to, unless told otherwise. */
export const LIMIT: Limit = { bytes: Number(process.env.WORKSHOP_LAYER_LIMIT) || 8 * 1024 ** 3, entries: 2_000_000 }

export interface UnpackOptions {
  limit?: Partial<Limit> | undefined
  /** Where overlayfs's attributes go: attributeSpace(). With `user`, owners and devices are what the caller may make. */
  space: AttributeSpace
  warn?: ((message: string) => void) | undefined
}

/** What was unpacked. */
export interface Unpacked {
  /** Bytes of the files. */
  bytes: number
  entries: number
}

/**
 * Unpacks a plain tar. On an error the folder holds what had come before: throw it away.
 *
 * @param folder empty, and nobody else's meanwhile
 * @throws {ImageError} BAD_ARCHIVE, UNKNOWN_TYPE, TOO_BIG, NO_SPACE, FAILED
 */
export async function unpack(chunks: Bytes, folder: string, options: UnpackOptions): Promise<Unpacked> {
  const limit = { ...LIMIT, ...options.limit }
  const beneath = new Beneath(folder)
  const maker = new Maker(beneath, options.space, onceEach(options.warn))
  const done: Unpacked = { bytes: 0, entries: 0 }
  try {
    for await (const entry of entries(chunks, limit.bytes)) {
      done.entries++
      done.bytes += entry.size
      refuseTooMuch(done, limit)
      await make(maker, entry)
    }
    finish(maker)
    return done
  } finally {
    beneath.close()
  }
}

function refuseTooMuch(done: Unpacked, limit: Limit): void {
  if (done.bytes > limit.bytes)
    // of what the headers promise: before the first byte is written
    throw tooBig(limit.bytes)
  if (done.entries > limit.entries)
    throw new ImageError('TOO_BIG', `it has more than ${limit.entries} entries; nothing was kept`)
}

async function make(maker: Maker, entry: Entry): Promise<void> {
  try {
    const parts = splitPath(entry.path)
    if (parts.length === 0) return maker.root(entry)
    const meaning = meaningOf(parts)
    if (meaning.what === 'make') await maker.make(parts, entry)
    if (meaning.what === 'hide') maker.hide(parts.with(-1, meaning.name))
    if (meaning.what === 'opaque') maker.opaque(parts.slice(0, -1))
  } catch (error) {
    throw troubleWith(JSON.stringify(entry.path), error)
  }
}

function finish(maker: Maker): void {
  try {
    maker.finish()
  } catch (error) {
    throw troubleWith('the folders of the archive', error)
  }
}

/** Says each sentence once: of 1,000 device nodes one is enough. */
function onceEach(warn: ((message: string) => void) | undefined): Warn {
  const said = new Set<string>()
  return (kind, message) => {
    if (!said.has(kind)) warn?.(message)
    said.add(kind)
  }
}
