import { bind } from './libc.ts'

const flock = bind('int flock(int fd, int operation)')
const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes a lock if it is free. It is the open file's: it ends when that is closed, however the process ends, so no
 * killed one leaves a lock behind.
 *
 * @param how many may have it `shared`, or one `alone`
 * @see flock(2)
 */
export function tryLock(fd: number, how: 'shared' | 'alone'): boolean {
  try {
    flock(fd, (how === 'alone' ? LOCK_EX : LOCK_SH) | LOCK_NB)
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'EAGAIN') return false
    throw error
  }
}
