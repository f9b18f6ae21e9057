/*
 * A picture for the way: fifty containers have the same mounts, links and capabilities, and each process of a room the
 * same eight inodes. What occurs more than once is sent once, and its number wherever it occurs.
 */

export interface Packed {
  /** What occurs more than once. One may hold others, with smaller numbers. */
  shared: unknown[]
  value: unknown
}

const LONG = 24 // letters of JSON: what is shorter than that is not worth a number

/** Packs plain data: what JSON can hold, without keys that are `$`. */
export function pack(value: unknown): Packed {
  const seen: Seen = { times: new Map(), indices: new Map(), json: new Map() }
  count(value, seen)
  const shared: unknown[] = []
  return { value: replaced(value, seen, shared), shared }
}

/** What was packed. Equal parts are one and the same object in it. */
export function unpack({ shared, value }: Packed): unknown {
  const whole: unknown[] = []
  const restore = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(restore)
    if (typeof part !== 'object' || part === null) return part
    if ('$' in part) return whole[Number(part.$)]
    return Object.fromEntries(Object.entries(part).map(([key, entry]) => [key, restore(entry)]))
  }
  for (const part of shared) whole.push(restore(part))
  return restore(value)
}

interface Seen {
  /** How often a part occurs, by its JSON. */
  times: Map<string, number>
  /** Its number among what is shared. */
  indices: Map<string, number>
  json: Map<unknown, string>
}

/** Counts a part and all in it; returns its JSON. */
function count(part: unknown, seen: Seen): string {
  const json = jsonOf(part, (one) => count(one, seen))
  if (typeof part === 'object') seen.json.set(part, json)
  if (json.length >= LONG) seen.times.set(json, (seen.times.get(json) ?? 0) + 1)
  return json
}

function jsonOf(part: unknown, inner: (one: unknown) => string): string {
  if (Array.isArray(part)) return `[${part.map(inner).join()}]`
  if (typeof part !== 'object' || part === null) return JSON.stringify(part) ?? 'null'
  return `{${entriesOf(part).map(([key, entry]) => `${JSON.stringify(key)}:${inner(entry)}`)}}`
}

const entriesOf = (part: object) => Object.entries(part).filter(([, entry]) => entry !== undefined)

function replaced(part: unknown, seen: Seen, shared: unknown[]): unknown {
  const json = seen.json.get(part) ?? (typeof part === 'string' ? JSON.stringify(part) : '')
  const inner = (one: unknown) => replaced(one, seen, shared)
  if ((seen.times.get(json) ?? 0) < 2) return inside(part, inner)
  let index = seen.indices.get(json)
  if (index === undefined) {
    index = shared.push(inside(part, inner)) - 1 // after what is in it, which is pushed meanwhile
    seen.indices.set(json, index)
  }
  return { $: index }
}

function inside(part: unknown, inner: (one: unknown) => unknown): unknown {
  if (Array.isArray(part)) return part.map(inner)
  if (typeof part !== 'object' || part === null) return part
  return Object.fromEntries(entriesOf(part).map(([key, entry]) => [key, inner(entry)]))
}
