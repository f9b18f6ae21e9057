/*
 * Archives for tests: written header by header, so that they can be as broken or as mean as one wants.
 */
import { headerOf, type NewEntry, padding } from '../../lessons/10-images/given/tar-write.ts'

/** What an entry of a test's archive is; a file unless told otherwise. */
export type Wanted = Partial<NewEntry> & { path: string; data?: string | Buffer }

/** The bytes of one entry. */
export function entry({ data = '', ...wanted }: Wanted): Buffer {
  const body = Buffer.from(data as string)
  const whole = {
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 1_700_000_000,
    ...wanted,
  } as const
  return Buffer.concat([headerOf(whole), body, padding(body.length)])
}

/** A tar of these entries. */
export function tarOf(...wanted: Wanted[]): Buffer {
  return Buffer.concat([...wanted.map(entry), Buffer.alloc(1024)])
}

/** Bytes as a stream, in pieces that fit to nothing. */
export async function* streamOf(data: Buffer, piece = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += piece) yield data.subarray(at, at + piece)
}

/** A sequence of numbers from 0 to 1 that looks random and is always the same: mulberry32. */
export function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
