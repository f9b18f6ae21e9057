import type { Bytes } from './digest.ts'
import { ImageError } from './errors.ts'

const NOTHING = Buffer.alloc(0)

/** Reads a stream in pieces of the length that one needs, and counts against a limit. */
export class Blocks {
  /** Bytes that were read. */
  bytes = 0
  readonly #chunks: AsyncIterator<Buffer>
  readonly #limit: number
  #rest: Buffer = NOTHING

  /** @param limit in bytes */
  constructor(chunks: Bytes, limit = Number.POSITIVE_INFINITY) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#limit = limit
  }

  /** How many bytes were handed out. */
  get position(): number {
    return this.bytes - this.#rest.length
  }

  /**
   * Reads `length` bytes; undefined at the end of the stream.
   *
   * @throws {ImageError} BAD_ARCHIVE where it ends in the middle of them
   */
  async exactly(length: number): Promise<Buffer | undefined> {
    if (this.#rest.length < length) {
      const parts = [this.#rest]
      for (let have = this.#rest.length; have < length; ) {
        const chunk = await this.#next()
        if (chunk === undefined) {
          if (have === 0) return undefined
          throw new ImageError('BAD_ARCHIVE', 'the archive ends in the middle of something')
        }
        parts.push(chunk)
        have += chunk.length
      }
      this.#rest = Buffer.concat(parts)
    }
    const piece = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return piece
  }

  /** Reads what there is, at most `length` bytes; undefined at the end. */
  async some(length: number): Promise<Buffer | undefined> {
    if (this.#rest.length === 0) this.#rest = (await this.#next()) ?? NOTHING
    if (this.#rest.length === 0) return undefined
    const piece = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(piece.length)
    return piece
  }

  async #next(): Promise<Buffer | undefined> {
    for (;;) {
      const { done, value } = await this.#chunks.next()
      if (done) return undefined
      this.bytes += value.length
      if (this.bytes > this.#limit) throw tooBig(this.#limit)
      if (value.length > 0) return value
    }
  }

  /** Ends the stream before its end. */
  async stop(): Promise<void> {
    await this.#chunks.return?.()
  }
}

/** What is said of an archive that unpacks to more than `limit` bytes. */
export function tooBig(limit: number): ImageError {
  const more = 'If it has to be, WORKSHOP_LAYER_LIMIT=BYTES allows more'
  return new ImageError('TOO_BIG', `it unpacks to more than ${inMB(limit)}; nothing was kept. ${more}`)
}

const inMB = (bytes: number) => (bytes < 1e6 ? `${bytes} bytes` : `${Math.round(bytes / 1e6)} MB`)
