/*
 * cgroup v1: a tree for each controller, each with names and units of its own.
 *
 * Documentation/admin-guide/cgroup-v1 of the kernel: memory.rst, cpusets.rst, blkio-controller.rst, devices.rst
 */
import { UsageError } from '../errors.ts'
import { kill } from '../libc.ts'
import { ALLOWED } from './devices.ts'
import type { Driver } from './driver.ts'
import { read, write } from './files.ts'
import type { Throttle } from './limits.ts'

const SIGKILL = 9

export const v1: Driver = {
  /** A new cpuset has no CPU and no memory node, and nobody may enter it until it has: cpuset(7). */
  prepare(parent, group) {
    if (!group.controllers.includes('cpuset')) return
    for (const file of ['cpuset.cpus', 'cpuset.mems']) write(group, file, read(parent, file))
  },

  settings({ memory, memorySwap = memory, memoryHigh, cpusetCpus, cpusetMems, throttles = [] }) {
    if (memoryHigh !== undefined)
      throw new UsageError('--memory-high: cgroup v1, which this machine has, lacks it', 125)
    return {
      'memory.memsw.limit_in_bytes': memorySwap, // after memory.limit_in_bytes, which may never be above it
      'cpuset.cpus': cpusetCpus,
      'cpuset.mems': cpusetMems,
      'blkio.throttle.read_bps_device': lines(throttles, 'read-bps'),
      'blkio.throttle.write_bps_device': lines(throttles, 'write-bps'),
      'blkio.throttle.read_iops_device': lines(throttles, 'read-iops'),
      'blkio.throttle.write_iops_device': lines(throttles, 'write-iops'),
      'devices.deny': 'a',
      'devices.allow': ALLOWED.map(({ type, major, minor, access }) => `${type} ${major}:${minor} ${access}`),
    }
  },

  /** One by one, and whoever is born meanwhile is for the next round. */
  kill(group) {
    for (const pid of read(group, 'cgroup.procs').split('\n').filter(Boolean)) {
      try {
        kill(Number(pid), SIGKILL)
      } catch {
        // it has ended meanwhile
      }
    }
  },
}

function lines(throttles: Throttle[], wanted: Throttle['what']): string[] {
  return throttles.filter(({ what }) => what === wanted).map(({ device, rate }) => `${device} ${rate}`)
}
