/*
 * Digests, as given code needs them: of a stream that is too long for memory. Of bytes in memory, see 10.1.
 */
import { createHash } from '#given/fs.ts'
import { ImageError } from './errors.ts'
import type { Digest } from './interface.ts'

/** A stream of bytes. */
export type Bytes = AsyncIterable<Buffer>

/**
 * Takes a text for a digest.
 *
 * @throws {ImageError} UNKNOWN_TYPE for another algorithm; BAD_DIGEST for what could lead elsewhere as a file name
 */
export function asDigest(text: unknown): Digest {
  if (typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text)) return text as Digest
  const shown = JSON.stringify(text)
  if (typeof text === 'string' && /^sha(384|512):[0-9a-f]+$/.test(text))
    throw new ImageError('UNKNOWN_TYPE', `${shown}: only sha256 digests are known here`)
  throw new ImageError('BAD_DIGEST', `${shown} is no digest: sha256: and 64 hexadecimal digits`)
}

/** The 64 digits. */
export const hexOf = (digest: Digest) => digest.slice('sha256:'.length)

/** Twelve digits, as people read it. */
export const short = (digest: Digest) => hexOf(digest).slice(0, 12)

/** Measures what passes: its length in bytes and its digest. */
export class Meter {
  bytes = 0
  readonly #hash = createHash('sha256')

  update(data: Uint8Array): void {
    this.bytes += data.length
    this.#hash.update(data)
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`
  }

  /** The same bytes, measured on their way. */
  async *passing(chunks: Bytes): Bytes {
    for await (const chunk of chunks) {
      this.update(chunk)
      yield chunk
    }
  }
}

/** The digest of bytes in memory. */
export function digestOf(data: Uint8Array): Digest {
  const meter = new Meter()
  meter.update(data)
  return meter.digest()
}

/**
 * Compares with what was promised.
 *
 * @throws {ImageError} BAD_DIGEST
 */
export function verify(what: string, found: Digest, promised: Digest | undefined): void {
  if (promised === undefined || promised === found) return
  throw new ImageError(
    'BAD_DIGEST',
    `${what} is not what it should be: its digest is ${found}, promised was ${promised}`,
  )
}
