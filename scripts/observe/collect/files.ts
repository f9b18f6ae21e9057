/*
 * Reading many small files of /proc and /sys, each second anew: into one buffer, and a file that is gone is no error.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'

let buffer = Buffer.allocUnsafe(64 * 1024)

/** What a file says; undefined where it is gone, or its process is. */
export function read(path: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    let length = 0
    for (;;) {
      const got = readSync(fd, buffer, length, buffer.length - length, null)
      length += got
      if (got === 0) return buffer.toString('utf8', 0, length)
      if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length)
    }
  } catch (error) {
    return orGone(error)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** What a link says. */
export function link(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    return orGone(error)
  }
}

/** What is in a folder; nothing where there is none. */
export function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    return orGone(error) ?? []
  }
}

// ENODEV: a cgroup that was removed while its file was open. EACCES, EPERM: a process that one may not look at.
const GONE = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'ENOTDIR', 'EACCES', 'EPERM', 'EINVAL'])

/** undefined for what ended while one looked at it; all else is an error. */
export function orGone(error: unknown): undefined {
  if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error
}
