/*
 * Blobs: bytes, by their digest. One is made aside and then named, so each is there whole or not at all; what its name
 * promises was measured.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { asDigest, type Bytes, digestOf, hexOf } from './digest.ts'
import { ImageError } from './errors.ts'
import { syncFolder, writeAll } from './files.ts'
import type { Digest } from './interface.ts'
import type { Paths } from './place.ts'

const PIECE = 1024 * 1024

export const blobFile = (store: Paths, digest: Digest) => join(store.blobs, hexOf(asDigest(digest)))
export const hasBlob = (store: Paths, digest: Digest) => existsSync(blobFile(store, digest))

/** A blob's bytes, as a stream. */
export const blobStream = (store: Paths, digest: Digest): Bytes => fileStream(blobFile(store, digest))

/** A file's bytes. It is opened when they are wanted: an error before would be nobody's. */
export async function* fileStream(path: string, part: { start?: number; end?: number } = {}): Bytes {
  yield* createReadStream(path, { highWaterMark: PIECE, ...part })
}

/**
 * A blob that is a JSON text.
 *
 * @throws {ImageError} BAD_STORE where it is gone or no JSON. It was measured when it came, and is not now: a container waits
 */
export function readJson<T>(store: Paths, digest: Digest): T {
  try {
    return JSON.parse(readFileSync(blobFile(store, digest), 'utf8'))
  } catch (error) {
    throw new ImageError('BAD_STORE', `${store.root}: ${digest} cannot be read: ${(error as Error).message}`)
  }
}

/** Adds a short blob, unless it is there. */
export function addBlob(store: Paths, work: string, data: Uint8Array): Digest {
  const digest = digestOf(data)
  if (hasBlob(store, digest)) return digest
  const unfinished = join(work, hexOf(digest))
  const fd = openSync(unfinished, 'w', 0o600)
  writeAll(fd, data)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(unfinished, blobFile(store, digest))
  syncFolder(store.blobs)
  return digest
}

/** Writes a stream to a file, on its way. */
export async function* copying(chunks: Bytes, file: string): Bytes {
  const fd = openSync(file, 'w', 0o600)
  try {
    for await (const chunk of chunks) {
      writeAll(fd, chunk)
      yield chunk
    }
  } finally {
    closeSync(fd)
  }
}

/** Writes a stream to a file, to its end. */
export async function copyTo(file: string, chunks: Bytes): Promise<void> {
  for await (const _ of copying(chunks, file));
}

export const blobSize = (store: Paths, digest: Digest) =>
  statSync(blobFile(store, digest), { throwIfNoEntry: false })?.size ?? 0
