/*
 * cgroup v2: one tree, one style of names and units, and a group's controllers are switched on in the group above it.
 *
 * Documentation/admin-guide/cgroup-v2.rst of the kernel
 */
import { restrictDevices } from './devices-bpf.ts'
import type { Driver } from './driver.ts'
import { read, write } from './files.ts'
import type { Throttle } from './limits.ts'

export const v2: Driver = {
  prepare(parent) {
    const enabled = read(parent, 'cgroup.subtree_control').split(' ')
    const missing = USED.filter((name) => parent.controllers.includes(name) && !enabled.includes(name))
    if (missing.length > 0) write(parent, 'cgroup.subtree_control', missing.map((name) => `+${name}`).join(' '))
  },

  settings({ memory = 0, memorySwap = memory, memoryHigh, cpusetCpus, cpusetMems, throttles = [] }) {
    return {
      'memory.swap.max': memory ? memorySwap - memory : undefined, // v1 counts both together, v2 the swap alone
      'memory.high': memoryHigh,
      'cpuset.cpus': cpusetCpus,
      'cpuset.mems': cpusetMems,
      'io.max': throttles.map(({ device, what, rate }) => `${device} ${KEYS[what]}=${rate}`),
    }
  },

  restrictDevices({ path }) {
    if (process.getuid?.() === 0) restrictDevices(path) // to others bpf(2) is forbidden, and so are the disks
  },

  /** All at once: nobody is born meanwhile. */
  kill(group) {
    write(group, 'cgroup.kill', '1')
  },
}

const USED = ['memory', 'cpu', 'pids', 'cpuset', 'io']

const KEYS: Record<Throttle['what'], string> = {
  'read-bps': 'rbps',
  'write-bps': 'wbps',
  'read-iops': 'riops',
  'write-iops': 'wiops',
}
