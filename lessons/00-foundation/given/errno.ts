import os from 'node:os'

const names = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]))

/** The name of an errno, such as EPERM for 1: errno(3). */
export function nameOfErrno(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`
}
