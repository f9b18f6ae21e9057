/*
 * What a container's /dev holds: devices that do no harm, and names that are no devices.
 */
import { symlink } from './libc.ts'

/** Devices that keep nothing and reveal nothing: null(4), full(4), random(4), tty(4). No disk, no memory. */
export const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty']

/** The names that lead elsewhere: to the container's own terminals, and to what a process has open. */
export function linkDevices(dev: string): void {
  symlink('pts/ptmx', `${dev}/ptmx`)
  symlink('/proc/self/fd', `${dev}/fd`)
  for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries()) symlink(`/proc/self/fd/${fd}`, `${dev}/${name}`)
}
