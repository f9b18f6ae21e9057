/*
 * The cgroups that processes are in, those around them, and what the kernel counts for each: cgroups(7).
 *
 * On v1 a process has a place in each controller's tree. Those of one container have one name (`workshop-<id>`), though
 * they may lie at different depths; the longest path stands for all.
 */
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { field, number } from '#given/cgroups/files.ts'
import type { Group, Version } from '#given/cgroups/hierarchies.ts'
import { mounts } from '#given/proc.ts'
import type { Point } from '../change.ts'
import type { Cgroup, Process } from '../model.ts'
import { orGone, read } from './files.ts'

/** What is shown of a group, by the controllers that count it. */
const CONTROLLERS = ['memory', 'cpuacct', 'cpu', 'pids', 'freezer'] as const
type Controller = (typeof CONTROLLERS)[number]

/** Where a group's files are. */
type Folders = { [C in Controller]?: Group }

interface Known {
  entry: Cgroup
  folders: Folders
  /** CPU time in microseconds, and when it was read, in milliseconds. */
  time: { used: number; at: number } | undefined
}

export class Cgroups {
  readonly #trees = treesOf()
  readonly #known = new Map<string, Known>()
  readonly #paths = new Map<string, string>()
  #table: Record<string, Cgroup> = {}

  get version(): Version {
    return this.#trees.memory?.version ?? this.#trees.pids?.version ?? 2
  }

  /** The one path that stands for what /proc/<pid>/cgroup says. */
  pathOf(text: string): string {
    let path = this.#paths.get(text)
    if (path === undefined) {
      path = this.#remember(text)
      if (this.#paths.size > 4096) this.#paths.clear()
      this.#paths.set(text, path)
    }
    return path
  }

  /** Looks which groups there are. The processes have the path that `pathOf` gave. */
  look(processes: Record<string, Process>): Record<string, Cgroup> {
    const used = new Set<string>()
    for (const { cgroup } of Object.values(processes)) {
      for (let path = cgroup; !used.has(path); path = dirname(path)) used.add(path)
    }
    let changed = false
    for (const path of this.#known.keys()) {
      if (used.has(path)) continue
      this.#known.delete(path)
      changed = true
    }
    if (changed) this.#paths.clear()
    for (const path of used) {
      const known = this.#known.get(path)
      const entry = entryOf(path, known?.folders ?? this.#foldersOf(path))
      if (known && JSON.stringify(known.entry) === JSON.stringify(entry)) continue
      changed = true
      if (known) known.entry = entry
      else this.#known.set(path, { entry, folders: this.#foldersOf(path), time: undefined })
    }
    if (changed) this.#table = Object.fromEntries([...this.#known].map(([path, { entry }]) => [path, entry]))
    return this.#table
  }

  /** The newest point of each group's curves. */
  sample(): Record<string, Point> {
    return Object.fromEntries([...this.#known].map(([path, known]) => [path, pointOf(known)]))
  }

  #remember(text: string): string {
    const places = placesOf(text, this.#trees)
    const path = Object.values(places).reduce((longest, one) => (one.length > longest.length ? one : longest), '/')
    const known = this.#known.get(path)
    if (!known) {
      const folders: Folders = {}
      for (const controller of CONTROLLERS) {
        const [top, place] = [this.#trees[controller], places[controller]]
        if (top && place !== undefined && basename(place) === basename(path)) folders[controller] = below(top, place)
      }
      this.#known.set(path, { entry: entryOf(path, folders), folders, time: undefined })
      this.#table = { ...this.#table, [path]: entryOf(path, folders) }
    }
    return path
  }

  /** Of a group around others: its place is the same in each tree that has it. */
  #foldersOf(path: string): Folders {
    const folders: Folders = {}
    for (const controller of CONTROLLERS) {
      const top = this.#trees[controller]
      const group = top && below(top, path)
      if (group && existsSync(group.path)) folders[controller] = group
    }
    return folders
  }
}

const below = (top: Group, place: string): Group => ({ ...top, path: (top.path + place).replace(/\/$/, '') })

/** The root of the tree in which a controller is. On v2 all are in one, and it counts CPU time and freezes by itself. */
function treesOf(): Folders {
  const trees: Folders = {}
  for (const { type, target: path, superOptions, root } of mounts()) {
    if (root !== '/') continue // a part of a tree, for some container
    if (type === 'cgroup') {
      for (const name of CONTROLLERS) if (superOptions.includes(name)) trees[name] ??= group(1, path, superOptions)
    }
    if (type === 'cgroup2') {
      const controllers = (read(`${path}/cgroup.controllers`) ?? '').trim().split(' ')
      if (!['memory', 'pids', 'cpu'].some((name) => controllers.includes(name))) continue // a hybrid's, for systemd
      for (const name of CONTROLLERS) trees[name] ??= group(2, path, controllers)
    }
  }
  return trees
}

const group = (version: Version, path: string, controllers: string[]): Group => ({ version, path, controllers })

/** A process's place in each controller's tree: lines of `id:controllers:/path`. */
function placesOf(text: string, trees: Folders): { [C in Controller]?: string } {
  const places: { [C in Controller]?: string } = {}
  for (const line of text.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    for (const controller of CONTROLLERS) {
      const wanted = trees[controller]?.version === 2 ? '' : controller
      if (names.split(',').includes(wanted)) places[controller] = path
    }
  }
  return places
}

/** A container's group has limits, and meets them. Of all others the machine's owner knows. */
function entryOf(path: string, folders: Folders): Cgroup {
  const parent = path === '/' ? {} : { parent: dirname(path) }
  if (!path.includes('/workshop-')) return { path, ...parent, limits: {}, events: {}, frozen: false }
  const { memory, cpu, pids, freezer } = folders
  const limits: Cgroup['limits'] = {}
  const events: Cgroup['events'] = {}
  if (memory) {
    const one = memory.version === 1
    put(limits, 'memory', () => limit(memory, one ? 'memory.limit_in_bytes' : 'memory.max'))
    put(events, 'oomKills', () => field(memory, one ? 'memory.oom_control' : 'memory.events', 'oom_kill'))
  }
  if (pids) {
    put(limits, 'pids', () => limit(pids, 'pids.max'))
    put(events, 'forksRefused', () => field(pids, 'pids.events', 'max'))
  }
  if (cpu) {
    put(limits, 'cpus', () => cpusOf(cpu))
    put(events, 'throttled', () => field(cpu, 'cpu.stat', 'nr_throttled'))
  }
  return { path, ...parent, limits, events, frozen: freezer !== undefined && isFrozen(freezer) }
}

/** Puts what can be read; a group without the controller lacks the file. */
function put<K extends string>(into: { [key in K]?: number }, key: K, value: () => number | undefined): void {
  const found = orNothing(value)
  if (found !== undefined) into[key] = found
}

function orNothing<T>(body: () => T): T | undefined {
  try {
    return body()
  } catch (error) {
    return orGone(error)
  }
}

const UNLIMITED = 2 ** 62 // v1 says "the highest multiple of a page in 63 bits"

function limit(group: Group, file: string): number | undefined {
  const value = number(group, file)
  return Number.isFinite(value) && value < UNLIMITED ? value : undefined
}

/** The quota in CPUs: `50000 100000` of cpu.max is half a one. */
function cpusOf(group: Group): number | undefined {
  if (group.version === 1) {
    const quota = number(group, 'cpu.cfs_quota_us')
    return quota > 0 ? quota / number(group, 'cpu.cfs_period_us') : undefined
  }
  const [quota, period] = (read(`${group.path}/cpu.max`) ?? 'max').trim().split(' ')
  return quota === 'max' || !period ? undefined : Number(quota) / Number(period)
}

function isFrozen(group: Group): boolean {
  const answer =
    group.version === 1
      ? read(`${group.path}/freezer.state`)
      : read(`${group.path}/cgroup.events`)?.match(/frozen 1/)?.[0]
  return answer?.trim() === (group.version === 1 ? 'FROZEN' : 'frozen 1')
}

function pointOf(known: Known): Point {
  const { memory, cpuacct, pids } = known.folders
  const used = cpuacct && orNothing(() => cpuTime(cpuacct))
  const at = performance.now()
  const before = known.time
  known.time = used === undefined ? undefined : { used, at }
  const cpu =
    used !== undefined && before ? Math.max(0, Math.round((used - before.used) / (at - before.at))) / 10 : null
  const bytes =
    memory && orNothing(() => number(memory, memory.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'))
  const tasks = pids && orNothing(() => number(pids, 'pids.current'))
  return [cpu, bytes === undefined ? null : Math.round(bytes / 1024), tasks ?? null]
}

/** In microseconds. */
function cpuTime(group: Group): number {
  if (group.version === 2) return field(group, 'cpu.stat', 'usage_usec')
  return number(group, 'cpuacct.usage') / 1000
}
