/*
 * /proc and /sys for one who is root in his user namespace only. A procfs shows a pid namespace and a sysfs a network
 * namespace, and only the root of the user namespace to which that one belongs may mount it. Where the container has none of
 * its own, it gets to see what the host has mounted already: mount_namespaces(7), user_namespaces(7).
 */
import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_REC, mount } from '../libc.ts'
import type { Spec } from '../mechanism.ts'
import { mountPoint, readOnly } from '../target.ts'

/** May the container mount its /proc and /sys, as root or because the namespaces that they show are its own? */
export function mayMountKernelFiles({ mechanisms }: Spec): boolean {
  return !mechanisms.includes('user') || (mechanisms.includes('pid') && mechanisms.includes('net'))
}

/** Mounts what may be mounted, and shows the host's in place of what may not, /sys read-only. */
export function borrowKernelFiles({ rootfs, mechanisms }: Spec): void {
  const harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC
  // With all that is mounted below: a mount that covers something may not be left out by one who could not unmount it.
  const borrow = (path: string, target: string) => mount(path, target, null, MS_BIND | MS_REC, null)
  mountPoint(rootfs, '/proc', 'folder', (target) =>
    mechanisms.includes('pid') ? mount('proc', target, 'proc', harmless, null) : borrow('/proc', target),
  )
  if (mechanisms.includes('net'))
    mountPoint(rootfs, '/sys', 'folder', (target) => mount('sysfs', target, 'sysfs', harmless, null))
  else mountPoint(rootfs, '/sys', 'folder', (target) => borrow('/sys', target))
  mountPoint(rootfs, '/sys', 'folder', readOnly)
}
