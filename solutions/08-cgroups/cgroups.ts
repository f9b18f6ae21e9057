import { configure, hasPlace, killAll, thaw, untilGone, warmUp } from '#given/cgroups/configure.ts'
import { PERIOD, weightOf } from '#given/cgroups/cpu.ts'
import { field, number, type Settings } from '#given/cgroups/files.ts'
import { existing, groupOf, groups, type Version } from '#given/cgroups/hierarchies.ts'
import type { Limits } from '#given/cgroups/limits.ts'
import { mkdirSync, rmdirSync, writeFileSync } from '#given/fs.ts'
import { CLONE_NEWCGROUP, unshare } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

/** How much a container gets, and what it has used: cgroups(7). */
export const cgroups: Mechanism = {
  name: 'cgroups',
  flags: 0, // no namespace: a place in a tree. The namespace that hides the tree is entered later
  meanwhile: warmUp,
  outside(container) {
    const { id, pid, spec } = container
    if (!hasPlace(container)) return
    create(id)
    configure(id, spec.limits, settings)
    attach(id, pid) // last: all that the container's first process does from here on counts
  },
  inside() {
    hideTree()
  },
  beforeKill: ({ id }) => thaw(existing(id)),
  cleanup: ({ id }) => untilGone(id, remove),
}

/** Makes the container's groups, one in each tree. */
export function create(id: string): void {
  for (const { path } of groups(id)) mkdirSync(path)
}

/** Puts a process into them. The children that it will have begin where it is. */
export function attach(id: string, pid: number): void {
  for (const { path } of groups(id)) writeFileSync(`${path}/cgroup.procs`, String(pid))
}

/** Removes the container's groups, with whatever still runs in them. A second time there is nothing to do. */
export function remove(id: string): void {
  const all = existing(id)
  killAll(all) // or rmdir(2) says EBUSY
  for (const { path } of all) rmdirSync(path) // its files are the kernel's, and go with it
}

/** Which limit is written to which file. */
export function settings(limits: Limits, version: Version): Settings {
  return { ...amounts(limits, version), ...cpuTime(limits, version) }
}

/** What there is so much of, and no more: memory and processes. */
export function amounts(limits: Limits, version: Version): Settings {
  const { memory, pids } = limits
  return version === 1
    ? { 'memory.limit_in_bytes': memory, 'pids.max': pids }
    : { 'memory.max': memory, 'pids.max': pids }
}

/** What is shared out again and again: a weight among those who want it, and a quota that nobody exceeds. */
export function cpuTime(limits: Limits, version: Version): Settings {
  const { cpuShares, cpus } = limits
  const quota = cpus && Math.round(cpus * PERIOD)
  return version === 1
    ? { 'cpu.shares': cpuShares, 'cpu.cfs_quota_us': quota }
    : { 'cpu.weight': cpuShares && weightOf(cpuShares), 'cpu.max': quota && `${quota} ${PERIOD}` }
}

/** Stops everything in a container with one write, or lets it go on. */
export function freeze(id: string, frozen: boolean): void {
  const { version, path } = groupOf(id, 'freezer')
  if (version === 1) writeFileSync(`${path}/freezer.state`, frozen ? 'FROZEN' : 'THAWED')
  else writeFileSync(`${path}/cgroup.freeze`, frozen ? '1' : '0')
}

/** What a container has used. */
export interface Usage {
  /** In bytes, now. */
  memory: number
  /** In microseconds, since it began. */
  cpu: number
  /** Processes and threads, now. */
  pids: number
}

/** Reads the accounts. The kernel keeps them for each group, whether or not it has limits. */
export function usage(id: string): Usage {
  const [memory, cpu, pids] = [groupOf(id, 'memory'), groupOf(id, 'cpuacct'), groupOf(id, 'pids')]
  return {
    memory: number(memory, memory.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'),
    cpu: cpu.version === 1 ? number(cpu, 'cpuacct.usage') / 1000 : field(cpu, 'cpu.stat', 'usage_usec'), // v1: nanoseconds
    pids: number(pids, 'pids.current'),
  }
}

/** Makes the container's own group the root of every tree that it sees: cgroup_namespaces(7). */
export function hideTree(): void {
  unshare(CLONE_NEWCGROUP)
}
