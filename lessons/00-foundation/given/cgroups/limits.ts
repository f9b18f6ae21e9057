/** How much a container may take; what is not named is not limited. */
export interface Limits {
  /** In bytes. Who wants more than the kernel can reclaim is killed. */
  memory?: number
  /** In bytes, memory and swap together, as Docker counts. Unless given there is no swap beside `memory`. */
  memorySwap?: number
  /** In bytes. Above it, processes are slowed until memory is reclaimed. cgroup v2 only. */
  memoryHigh?: number
  /** A weight against others where the CPU is scarce, 2 to 262144; 1024 is the normal. */
  cpuShares?: number
  /** CPU time per time, 0.5 for half of one CPU. */
  cpus?: number
  /** Processes and threads. */
  pids?: number
  /** The CPUs that it may run on, as `0-2,4`. */
  cpusetCpus?: string
  /** The memory nodes that it may use, as `0`. */
  cpusetMems?: string
  throttles?: Throttle[]
}

/** How fast a container may use one block device. */
export interface Throttle {
  /** As `254:0`, major and minor. */
  device: string
  what: 'read-bps' | 'write-bps' | 'read-iops' | 'write-iops'
  /** Bytes or operations per second. */
  rate: number
}

export const LIMITS: Limits = {}
