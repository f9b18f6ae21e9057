/*
 * What the kernel has counted of a container, beside its usage.
 */
import { field, number, read } from './files.ts'
import { groupOf } from './hierarchies.ts'

/** What the limits did. */
export interface Events {
  /** Processes that were killed since the memory was used up. */
  oomKills: number
  /** Times that a fork was refused. */
  forksRefused: number
  /** Periods of 100 ms in which it had used up its time. */
  throttled: number
}

/** How often a container met its limits. */
export function events(id: string): Events {
  const [memory, pids, cpu] = [groupOf(id, 'memory'), groupOf(id, 'pids'), groupOf(id, 'cpu')]
  return {
    oomKills: field(memory, memory.version === 1 ? 'memory.oom_control' : 'memory.events', 'oom_kill'),
    forksRefused: field(pids, 'pids.events', 'max'),
    throttled: field(cpu, 'cpu.stat', 'nr_throttled'),
  }
}

/** What is the most memory that it may have, in bytes; Infinity where there is no limit. */
export function memoryLimit(id: string): number {
  const group = groupOf(id, 'memory')
  if (group.version === 2) return number(group, 'memory.max')
  const limit = number(group, 'memory.limit_in_bytes')
  return limit >= UNLIMITED ? Number.POSITIVE_INFINITY : limit
}

const UNLIMITED = 2 ** 62 // v1 says "the highest multiple of a page in 63 bits"

/** Has every process in it come to a stand? Freezing takes a moment. */
export function isFrozen(id: string): boolean {
  const group = groupOf(id, 'freezer')
  if (group.version === 1) return read(group, 'freezer.state') === 'FROZEN'
  return field(group, 'cgroup.events', 'frozen') === 1
}
