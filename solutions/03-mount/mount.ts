import { DEVICES, linkDevices, terminalOptions } from '#given/dev.ts'
import {
  CLONE_NEWNS,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  mount as mountCall,
  pivotRoot,
  umount2,
} from '#given/libc.ts'
import type { Mechanism, Volume } from '#given/mechanism.ts'
import { mountPoint, readOnly } from '#given/target.ts'
import { borrowKernelFiles, mayMountKernelFiles } from '#given/user/kernel-files.ts'

/** Mounts of its own, and another root: mount_namespaces(7), pivot_root(2). */
export const mount: Mechanism = {
  name: 'mount',
  flags: CLONE_NEWNS,
  inside(spec) {
    const { rootfs, volumes } = spec
    makePrivate() // first, or the host gets all that follows
    if (mayMountKernelFiles(spec)) mountProc(rootfs)
    else borrowKernelFiles(spec) // root of a user namespace only: lesson 07
    mountDev(rootfs)
    for (const volume of volumes) bindVolume(rootfs, volume)
    enterRoot(rootfs) // last, since the host's folders are out of reach then
  },
}

/** Cuts the copied mounts off from the host's, so that nothing below reaches them. */
export function makePrivate(): void {
  mountCall(null, '/', null, MS_REC | MS_PRIVATE, null)
}

/** Makes a folder the root of this mount namespace, and lets go of the old one. */
export function enterRoot(rootfs: string): void {
  mountCall(rootfs, rootfs, null, MS_BIND | MS_REC, null) // pivot_root wants a mount, not a mere folder
  process.chdir(rootfs)
  pivotRoot('.', '.') // the old root now lies on top of the new one
  umount2('.', MNT_DETACH)
  process.chdir('/')
}

/** The kernel's own file systems: /proc for this pid namespace, and /sys to look at. */
export function mountProc(rootfs: string): void {
  const harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC
  mountPoint(rootfs, '/proc', 'folder', (target) => mountCall('proc', target, 'proc', harmless, null))
  mountPoint(rootfs, '/sys', 'folder', (target) => mountCall('sysfs', target, 'sysfs', harmless | MS_RDONLY, null))
}

/** A /dev with the devices that do no harm, terminals and shared memory of its own. */
export function mountDev(rootfs: string): void {
  const mountOn = (path: string, type: string, flags: number, data: string) =>
    mountPoint(rootfs, path, 'folder', (target) => mountCall(type, target, type, flags, data))

  mountOn('/dev', 'tmpfs', MS_NOSUID, 'mode=755,size=64k')
  for (const device of DEVICES) {
    mountPoint(rootfs, device, 'file', (target) => mountCall(device, target, null, MS_BIND, null))
    mountPoint(rootfs, device, 'file', readOnly) // data still goes through, but no chmod reaches the host's device
  }
  mountOn('/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, terminalOptions())
  mountOn('/dev/shm', 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=1777,size=64m')
  mountPoint(rootfs, '/dev', 'folder', linkDevices)
}

/** Shows the container a folder or file of the host. */
export function bindVolume(rootfs: string, volume: Volume): void {
  const { source, target, kind, readonly } = volume
  mountPoint(rootfs, target, kind, (place) => mountCall(source, place, null, MS_BIND | MS_REC, null))
  // MS_RDONLY above would be ignored: a bind mount takes its flags from the source. So it needs a second call.
  if (readonly) mountPoint(rootfs, target, kind, readOnly)
}
