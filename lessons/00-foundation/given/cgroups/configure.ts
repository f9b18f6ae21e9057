/*
 * What a cgroup needs beside its folder: a place where it may be made, what is written to it, and how it is emptied.
 */
import { createRequire } from 'node:module'
import { UsageError } from '../errors.ts'
import { existsSync } from '../fs.ts'
import type { Container } from '../mechanism.ts'
import type { Driver } from './driver.ts'
import { read, type Settings, write } from './files.ts'
import { existing, type Group, groups, parents, type Version } from './hierarchies.ts'
import type { Limits } from './limits.ts'
import { v1 } from './v1.ts'

/** v2's is loaded where it is needed: the start of a container is measured. */
function driverOf(version: Version): Driver {
  return version === 1 ? v1 : load<typeof import('./v2.ts')>('./v2.ts').v2
}

const load = <T>(file: string): T => createRequire(import.meta.url)(file)

/** The controllers, by their name in v1 or v2, that a limit takes. */
const CONTROLLERS: Record<keyof Limits, string[]> = {
  memory: ['memory'],
  memorySwap: ['memory'],
  memoryHigh: ['memory'],
  cpuShares: ['cpu'],
  cpus: ['cpu'],
  pids: ['pids'],
  cpusetCpus: ['cpuset'],
  cpusetMems: ['cpuset'],
  throttles: ['blkio', 'io'],
}

/**
 * Is there a place for a container's cgroup? systemd owns the tree where it runs, and is asked for one.
 *
 * @throws {UsageError} where a limit cannot be held, for want of a place or a controller
 */
export function hasPlace({ id, pid, spec: { limits } }: Container): boolean {
  if (existsSync('/run/systemd/system')) load<typeof import('./scope.ts')>('./scope.ts').moveToScope(id, pid)
  const there = parents().flatMap(({ controllers }) => controllers)
  const wanted = (Object.keys(limits) as (keyof Limits)[]).map((limit) => CONTROLLERS[limit])
  const missing = wanted.find((names) => !names.some((name) => there.includes(name)))
  if (!missing) return there.length > 0
  const why = there.length > 0 ? 'this machine has no such cgroup controller' : 'there is no cgroup tree to write to'
  throw new UsageError(`a limit that takes the controller '${missing[0]}' cannot be held: ${why}`, 125)
}

/**
 * The first process that moves to another group waits until all CPUs have taken note, 13 ms; those that follow soon do
 * not. So let it be this one, which moves to where it is, in another thread, while there is nothing else to do.
 */
export function warmUp(): void {
  const [first] = existsSync('/run/systemd/system') ? [] : parents() // systemd moves us itself
  if (first?.version === 1) process.getBuiltinModule('node:fs').writeFile(`${first.path}/cgroup.procs`, '0', () => {})
}

/**
 * Prepares the new groups of a container and writes to them: what `settings` says, then what no learner has to write.
 *
 * @throws {UsageError} where the kernel refuses a value
 */
export function configure(id: string, limits: Limits, settings: (limits: Limits, version: Version) => Settings): void {
  const above = parents()
  for (const [i, group] of groups(id).entries()) {
    if (!existsSync(group.path))
      throw new UsageError(`there is no group ${group.path}: create() makes one in each tree`, 125)
    prepare(above[i] as Group, group)
    driverOf(group.version).restrictDevices?.(group)
    const all = { ...settings(limits, group.version), ...driverOf(group.version).settings(limits) }
    for (const [file, value] of Object.entries(all)) {
      if (value === undefined || !group.controllers.includes(file.split('.')[0] ?? '')) continue
      if (SWAP.has(file) && limits.memorySwap === undefined && !existsSync(`${group.path}/${file}`)) continue
      write(group, file, value)
    }
  }
}

/** Makes a new group fit for processes, and on v2 for limits. */
export function prepare(parent: Group, group: Group): void {
  driverOf(group.version).prepare(parent, group)
}

/** A kernel that does not account swap lacks these. Who did not ask for swap is not told. */
const SWAP = new Set(['memory.memsw.limit_in_bytes', 'memory.swap.max'])

/**
 * Kills all that is in a container's groups, and returns when the kernel has let go of the last.
 *
 * It thaws them first: a process in a frozen v1 group does not even die of SIGKILL.
 */
export function killAll(groups: Group[]): void {
  thaw(groups)
  const deadline = Date.now() + PATIENCE
  for (const group of groups) {
    while (read(group, 'cgroup.procs') !== '') {
      driverOf(group.version).kill(group)
      if (Date.now() > deadline) {
        throw new Error(
          `${group.path} has processes that do not die of SIGKILL. Are they frozen, in a group of another tree?`,
        )
      }
      wait(1)
    }
  }
}

/** In milliseconds. Less than a check waits, so that this is what one hears; untilGone() tries again. */
const PATIENCE = 5_000

/** Calls `remove` until nothing is left: two who clean up at once take the groups from under each other. */
export function untilGone(id: string, remove: (id: string) => void): void {
  for (let tries = 1; ; tries++) {
    try {
      remove(id)
      return
    } catch (error) {
      if (existing(id).length === 0) return
      if (tries === 5) throw error
      wait(10)
    }
  }
}

/** Lets frozen groups go on. One that is removed meanwhile has nobody in it. */
export function thaw(groups: Group[]): void {
  for (const group of groups.filter(({ controllers }) => controllers.includes('freezer'))) {
    try {
      if (group.version === 1) write(group, 'freezer.state', 'THAWED')
      else write(group, 'cgroup.freeze', '0')
    } catch (error) {
      if (existsSync(group.path)) throw error
    }
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4))

/** Sleeps, in milliseconds. */
export function wait(time: number): void {
  Atomics.wait(clock, 0, 0, time)
}
