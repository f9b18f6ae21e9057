import { setTimeout as sleep } from 'node:timers/promises'
import { closeSync, openSync } from '#given/fs.ts'
import { bind } from '#given/libc.ts'

const flock = bind('int flock(int fd, int operation)')
const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4
const LOOK_AGAIN = 20 // milliseconds

/**
 * Runs `work` while nobody else has the lock (`alone`), or nobody has it alone (`shared`). A lock ends with its last
 * descriptor, however that ends: no killed process leaves one behind. Two holders may be in one process, so waiting
 * must not block it.
 *
 * @see flock(2)
 */
export async function locked<T>(file: string, how: 'shared' | 'alone', work: () => T | Promise<T>): Promise<T> {
  const fd = openSync(file, 'a', 0o600)
  try {
    while (!tryLock(fd, how)) await sleep(LOOK_AGAIN)
    return await work()
  } finally {
    closeSync(fd)
  }
}

/** Takes a lock if it is free. It is the descriptor's: closing that gives it back. */
export function tryLock(fd: number, how: 'shared' | 'alone'): boolean {
  try {
    flock(fd, (how === 'alone' ? LOCK_EX : LOCK_SH) | LOCK_NB)
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'EAGAIN') return false
    throw error
  }
}
