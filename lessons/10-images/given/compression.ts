/*
 * gzip and zstd, both ways, as streams. Told apart by their first bytes: what a media type says is often not so.
 */
import { pipeline, Readable, type Transform } from 'node:stream'
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { Blocks } from './blocks.ts'
import type { Bytes } from './digest.ts'
import { ImageError } from './errors.ts'
import type { Compression } from './interface.ts'

const PIECE = { chunkSize: 256 * 1024 }
const LONGEST = 6

const BEGINNINGS: [bytes: number[], name: string][] = [
  [[0x1f, 0x8b], 'gzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz'],
  [[0x42, 0x5a, 0x68], 'bzip2'],
]

/**
 * How a stream is compressed, and the whole stream again.
 *
 * @throws {ImageError} UNKNOWN_TYPE for xz and bzip2
 */
export async function sniff(chunks: Bytes): Promise<{ compression: Compression; chunks: Bytes }> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first: Buffer[] = []
  let have = 0
  while (have < LONGEST) {
    const { done, value } = await iterator.next()
    if (done) break
    first.push(value)
    have += value.length
  }
  const head = Buffer.concat(first)
  try {
    return { compression: compressionOf(head), chunks: again(head, iterator) }
  } catch (error) {
    await iterator.return?.()
    throw error
  }
}

/** How bytes that begin so are compressed. */
export function compressionOf(head: Buffer): Compression {
  const name = BEGINNINGS.find(([bytes]) => bytes.every((byte, i) => head[i] === byte))?.[1] ?? 'none'
  if (name === 'xz' || name === 'bzip2')
    throw new ImageError('UNKNOWN_TYPE', `it is compressed with ${name}; unpack that first: ${name} --decompress`)
  return name as Compression
}

async function* again(head: Buffer, iterator: AsyncIterator<Buffer>): Bytes {
  try {
    if (head.length > 0) yield head
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  } finally {
    await iterator.return?.()
  }
}

/**
 * The plain bytes of a stream, whatever compressed it.
 *
 * @throws {ImageError} BAD_ARCHIVE where it is broken
 */
export async function* unpacked(packed: Bytes): Bytes {
  const { compression, chunks } = await sniff(packed)
  if (compression === 'none') return yield* chunks
  const transform = compression === 'gzip' ? createGunzip(PIECE) : createZstdDecompress(PIECE)
  try {
    yield* through(chunks, transform)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!/^(Z|ZSTD)_/i.test(code) && !/zstd|zlib/i.test(message)) throw error
    throw new ImageError('BAD_ARCHIVE', `its ${compression} is broken: ${message}`)
  }
}

/** What compresses. The same bytes give the same bytes, with the Node of the lockfile. */
export function packer(compression: 'gzip' | 'zstd'): Transform {
  if (compression === 'gzip') return createGzip({ ...PIECE, level: 6 })
  const params = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 }
  return createZstdCompress({ ...PIECE, params })
}

/** Compresses a stream. */
export const packed = (chunks: Bytes, compression: Compression): Bytes =>
  compression === 'none' ? chunks : through(chunks, packer(compression))

/** The OCI media type of a layer. */
export function layerType(compression: Compression): string {
  const plain = 'application/vnd.oci.image.layer.v1.tar'
  return compression === 'none' ? plain : `${plain}+${compression}`
}

function through(chunks: Bytes, transform: Transform): Bytes {
  pipeline(Readable.from(chunks), transform, () => {}) // its error comes out of the transform, too
  return transform
}

/** All of a stream, which should be short: a JSON text. */
export async function whole(chunks: Bytes, limit: number): Promise<Buffer> {
  const blocks = new Blocks(chunks, limit)
  const parts: Buffer[] = []
  for (let part = await blocks.some(limit); part !== undefined; part = await blocks.some(limit)) parts.push(part)
  return Buffer.concat(parts)
}
