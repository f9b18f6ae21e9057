/*
 * A picture for the way: fifty containers have the same mounts, links and capabilities, and each process of a room the
 * same eight inodes. What occurs more than once is sent once, and its number wherever it occurs: `{"$": 3}`. So are the
 * names in objects that are alike, of which only the values are sent: `{"#3": [1, 2]}`.
 */

export interface Packed {
  /** What occurs more than once. One may hold others, with smaller numbers. */
  shared: unknown[]
  /** The names in objects that are alike. */
  shapes: string[][]
  value: unknown
}

const LONG = 24 // letters of JSON: what is shorter than that is not worth a number
const MOST = 16 // names: what has more is a table, and like no other

/** Packs plain data: what JSON can hold, without names that begin with `$` or `#`. */
export function pack(value: unknown): Packed {
  const seen: Seen = { times: new Map(), indices: new Map(), json: new Map(), shapes: new Map() }
  count(value, seen)
  const shared: unknown[] = []
  return {
    value: replaced(value, seen, shared),
    shared,
    shapes: [...seen.shapes.keys()].map((json) => JSON.parse(json)),
  }
}

/** What was packed. Equal parts are one and the same object in it. */
export function unpack({ shared, shapes, value }: Packed): unknown {
  const whole: unknown[] = []
  const restore = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(restore)
    if (typeof part !== 'object' || part === null) return part
    const entries = Object.entries(part)
    const [name, first] = entries[0] ?? []
    if (name === '$') return whole[Number(first)]
    if (!name?.startsWith('#')) return Object.fromEntries(entries.map(([key, entry]) => [key, restore(entry)]))
    const names = shapes[Number(name.slice(1))] ?? []
    return Object.fromEntries(names.map((key, i) => [key, restore(first[i])]))
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
  /** The number of each shape, by the JSON of its names. */
  shapes: Map<string, number>
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
  if ((seen.times.get(json) ?? 0) < 2) return inside(part, inner, seen)
  let index = seen.indices.get(json)
  if (index === undefined) {
    index = shared.push(inside(part, inner, seen)) - 1 // after what is in it, which is pushed meanwhile
    seen.indices.set(json, index)
  }
  return { $: index }
}

function inside(part: unknown, inner: (one: unknown) => unknown, { shapes }: Seen): unknown {
  if (Array.isArray(part)) return part.map(inner)
  if (typeof part !== 'object' || part === null) return part
  const entries = entriesOf(part)
  if (entries.length < 2 || entries.length > MOST)
    return Object.fromEntries(entries.map(([key, entry]) => [key, inner(entry)]))
  const shape = JSON.stringify(entries.map(([key]) => key))
  const index = shapes.get(shape) ?? shapes.size
  shapes.set(shape, index)
  return { [`#${index}`]: entries.map(([, entry]) => inner(entry)) }
}
