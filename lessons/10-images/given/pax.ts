/*
 * The records of pax: `LENGTH KEY=VALUE\n`, for what a tar header has no room for. Read as bytes, since a value can be
 * any: a file capability is a struct. POSIX, pax, "Extended Header".
 */
import { ImageError } from './errors.ts'

export type Records = Map<string, Buffer>

const SPACE = 0x20
const EQUALS = 0x3d
const NEWLINE = 0x0a

/**
 * Reads records. Of two with one key the last counts.
 *
 * @throws {ImageError} BAD_ARCHIVE
 */
export function parsePax(data: Buffer): Records {
  const records: Records = new Map()
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(SPACE, at)
    const digits = space === -1 ? '' : data.toString('latin1', at, space)
    const length = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0
    const end = at + length
    const equals = data.indexOf(EQUALS, space)
    if (length === 0 || end > data.length || data[end - 1] !== NEWLINE || equals === -1 || equals >= end)
      throw new ImageError('BAD_ARCHIVE', 'a pax header is broken')
    records.set(data.toString('utf8', space + 1, equals), Buffer.from(data.subarray(equals + 1, end - 1)))
    at = end
  }
  return records
}

/** Writes records, in the order of their keys. */
export function formatPax(records: Map<string, string | Buffer>): Buffer {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.concat(sorted.map(([key, value]) => formatRecord(key, Buffer.from(value))))
}

/** The length counts its own digits. */
function formatRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.of(NEWLINE)])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}
