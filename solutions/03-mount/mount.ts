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
  symlink,
  umount2,
} from '#given/libc.ts'
import type { Mechanism, Volume } from '#given/mechanism.ts'
import { mountPoint, readOnly } from '#given/target.ts'

/** Mounts of its own, and another root: mount_namespaces(7), pivot_root(2). */
export const mount: Mechanism = {
  name: 'mount',
  flags: CLONE_NEWNS,
  inside({ rootfs, volumes }) {
    makePrivate()
    mountProc(rootfs)
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
  mountCall('proc', mountPoint(rootfs, '/proc'), 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
  mountCall('sysfs', mountPoint(rootfs, '/sys'), 'sysfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
}

/** A /dev with the devices that do no harm, terminals and shared memory of its own. */
export function mountDev(rootfs: string): void {
  mountCall('tmpfs', mountPoint(rootfs, '/dev'), 'tmpfs', MS_NOSUID, 'mode=755,size=64k')
  for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
    mountCall(`/dev/${name}`, mountPoint(rootfs, `/dev/${name}`, 'file'), null, MS_BIND, null)
  }
  const terminals = 'newinstance,ptmxmode=0666,mode=620,gid=5' // gid 5 is tty
  mountCall('devpts', mountPoint(rootfs, '/dev/pts'), 'devpts', MS_NOSUID | MS_NOEXEC, terminals)
  mountCall('shm', mountPoint(rootfs, '/dev/shm'), 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=1777,size=64m')
  symlink('pts/ptmx', `${rootfs}/dev/ptmx`)
  symlink('/proc/self/fd', `${rootfs}/dev/fd`)
  for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries()) {
    symlink(`/proc/self/fd/${fd}`, `${rootfs}/dev/${name}`)
  }
}

/** Shows the container a folder or file of the host. */
export function bindVolume(rootfs: string, { source, target, kind, readonly }: Volume): void {
  mountCall(source, mountPoint(rootfs, target, kind), null, MS_BIND | MS_REC, null)
  // MS_RDONLY above would be ignored: a bind mount takes its flags from the source. So it needs a second call.
  if (readonly) readOnly(mountPoint(rootfs, target, kind))
}
