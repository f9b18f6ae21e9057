/*
 * What a container's /dev holds: devices that do no harm, and names that are no devices.
 */
import { readFileSync } from './fs.ts'
import { symlink } from './libc.ts'

/** Devices that keep nothing and reveal nothing: null(4), full(4), random(4), tty(4). No disk, no memory. */
export const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty']

const TTY = 5 // the group of terminals, in every distribution

/**
 * What a devpts is mounted with: terminals apart from the host's, and for their group `tty`, so that wall(1) can write to
 * them. A user namespace that has no such group cannot name it (EINVAL), and its terminals belong to their owner's.
 */
export function terminalOptions(): string {
  const options = 'newinstance,ptmxmode=0666,mode=620'
  return isMapped(TTY, readFileSync('/proc/self/gid_map', 'utf8')) ? `${options},gid=${TTY}` : options
}

/** Is an id of this namespace one of the host's, too? A line of a map has the first inside, the first outside, the count. */
function isMapped(id: number, map: string): boolean {
  return map.split('\n').some((line) => {
    const [first = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number)
    return id >= first && id < first + count
  })
}

/** The names that lead elsewhere: to the container's own terminals, and to what a process has open. */
export function linkDevices(dev: string): void {
  symlink('pts/ptmx', `${dev}/ptmx`)
  symlink('/proc/self/fd', `${dev}/fd`)
  for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries()) symlink(`/proc/self/fd/${fd}`, `${dev}/${name}`)
}
