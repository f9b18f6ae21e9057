/*
 * What /proc and /sys show of the kernel that all share, covered: a container's root could read the kernel's memory and
 * keys there, or change settings for the whole machine. The lists are Docker's: moby, oci/defaults.go.
 */
import { UsageError } from '../errors.ts'
import { statfsSync, statSync } from '../fs.ts'
import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, mount } from '../libc.ts'
import type { Spec } from '../mechanism.ts'
import { readOnly } from '../target.ts'

const MASKED = [
  ...['acpi', 'asound', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug', 'scsi'].map(
    (name) => `/proc/${name}`,
  ),
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`)

const PROC_SUPER_MAGIC = 0x9fa0
const NULL_DEVICE = 0x103 // 1:3, null(4)

/**
 * Covers them, where the container has mounts of its own. Without, it would cover the host's.
 *
 * @throws {UsageError} where /proc or /dev/null is not what it says: covering with a false one would show what it hides
 */
export function coverKernelFiles({ mechanisms, privileges }: Spec): void {
  if (!privileges.covers || !mechanisms.includes('mount')) return
  if (statfsSync('/proc').type !== PROC_SUPER_MAGIC) throw new UsageError('/proc of the container is no procfs', 125)
  const { rdev } = statSync('/dev/null')
  if (rdev !== NULL_DEVICE) throw new UsageError('/dev/null of the container is not the device 1:3', 125)
  for (const path of READ_ONLY) {
    if (!kind(path)) continue
    mount(path, path, null, MS_BIND | MS_REC, null)
    readOnly(path)
  }
  for (const path of MASKED) {
    const what = kind(path)
    if (what === 'folder') mount('nothing', path, 'tmpfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 'size=4k')
    if (what === 'file') mount('/dev/null', path, null, MS_BIND, null)
  }
}

/** Which of them there are depends on the kernel. */
function kind(path: string): 'folder' | 'file' | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && (found.isDirectory() ? 'folder' : 'file')
}
