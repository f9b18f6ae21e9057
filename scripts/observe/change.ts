/*
 * What differs between one picture and the next, and how to get from the one to the other: the collector's side makes
 * changes, the page applies them. Entries are compared by identity: see model.ts.
 */
import type { Host, LessonNow, Model, Usage } from './model.ts'
import { POINTS } from './model.ts'

const TABLES = ['namespaces', 'processes', 'containers', 'cgroups'] as const
type Table = (typeof TABLES)[number]

/** A cgroup's newest point: CPU, memory, tasks. */
export type Point = readonly [cpu: number | null, memory: number | null, tasks: number | null]

export interface Change {
  at: number
  host?: Host
  /** null: the lesson is known no more. */
  lesson?: LessonNow | null
  set: { [T in Table]?: Model[T] }
  gone: { [T in Table]?: string[] }
  /** The curves have moved on: a point for each cgroup whose newest differs from the one before. */
  points?: { count: number; newest: Record<string, Point> }
}

/** What makes `after` of `before`; undefined where nothing does. */
export function changeBetween(before: Model, after: Model): Change | undefined {
  const change: Change = { at: after.at, set: {}, gone: {} }
  for (const table of TABLES) compare(table, before, after, change)
  if (after.host !== before.host) change.host = after.host
  if (after.lesson !== before.lesson) change.lesson = after.lesson ?? null
  if (after.points !== before.points) {
    const moved = Object.entries(after.usage).filter(([path, usage]) => !isRepeated(usage, before.usage[path]))
    const newest = Object.fromEntries(moved.map(([path, usage]) => [path, newestOf(usage)]))
    change.points = { count: after.points, newest }
  }
  const { at, set, gone, ...rest } = change
  return [set, gone, rest].some((part) => Object.keys(part).length > 0) ? change : undefined
}

/** The picture after a change. */
export function applied(model: Model, change: Change): Model {
  const { at, host = model.host, lesson = model.lesson, set, gone, points } = change
  const tables = {
    namespaces: replaced(model.namespaces, set.namespaces, gone.namespaces),
    processes: replaced(model.processes, set.processes, gone.processes),
    containers: replaced(model.containers, set.containers, gone.containers),
    cgroups: replaced(model.cgroups, set.cgroups, gone.cgroups),
  }
  const { lesson: _, ...rest } = model
  const usage = points ? movedOn(model.usage, Object.keys(tables.cgroups), points.newest) : model.usage
  const next = { ...rest, ...tables, at, host, usage, points: points?.count ?? model.points }
  return lesson ? { ...next, lesson } : next
}

/** The curves with a point more: the given one, or the latest once more. */
export function movedOn(usage: Record<string, Usage>, paths: string[], newest: Record<string, Point>) {
  return Object.fromEntries(
    paths.map((path) => {
      const old = usage[path] ?? { cpu: [], memory: [], tasks: null }
      const [cpu, memory, tasks] = newest[path] ?? newestOf(old)
      return [path, { cpu: [...old.cpu, cpu].slice(-POINTS), memory: [...old.memory, memory].slice(-POINTS), tasks }]
    }),
  )
}

const newestOf = ({ cpu, memory, tasks }: Usage): Point => [cpu.at(-1) ?? null, memory.at(-1) ?? null, tasks]

const isRepeated = (usage: Usage, before: Usage | undefined) =>
  before !== undefined && String(newestOf(usage)) === String(newestOf(before))

function compare<T extends Table>(table: T, before: Model, after: Model, change: Change): void {
  const [old, young]: Record<string, unknown>[] = [before[table], after[table]]
  if (old === young || !old || !young) return
  const set = Object.entries(young).filter(([key, entry]) => old[key] !== entry)
  const gone = Object.keys(old).filter((key) => !(key in young))
  if (set.length > 0) change.set[table] = Object.fromEntries(set) as Model[T]
  if (gone.length > 0) change.gone[table] = gone
}

function replaced<E>(table: Record<string, E>, set: Record<string, E> = {}, gone: string[] = []): Record<string, E> {
  const next = { ...table, ...set }
  for (const key of gone) delete next[key]
  return next
}
