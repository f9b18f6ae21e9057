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
import { type Mechanism, notWritten, type Volume } from '#given/mechanism.ts'
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
  notWritten('03.1 mount(2)', makePrivate)
}

/** Makes a folder the root of this mount namespace, and lets go of the old one. */
export function enterRoot(rootfs: string): void {
  notWritten('03.2 pivot_root(2)', enterRoot, rootfs)
}

/** The kernel's own file systems: /proc for this pid namespace, and /sys to look at. */
export function mountProc(rootfs: string): void {
  notWritten('03.3 mount(2)', mountProc, rootfs)
}

/** A /dev with the devices that do no harm, terminals and shared memory of its own. */
export function mountDev(rootfs: string): void {
  notWritten('03.4 mount(2)', mountDev, rootfs)
}

/** Shows the container a folder or file of the host. */
export function bindVolume(rootfs: string, volume: Volume): void {
  const { source, target, kind, readonly } = volume
  notWritten('03.5 mount(2)', bindVolume, rootfs, volume)
}
