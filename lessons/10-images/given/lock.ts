import { setTimeout as sleep } from 'node:timers/promises'
import { tryLock } from '#given/flock.ts'
import { closeSync, openSync } from '#given/fs.ts'

const LOOK_AGAIN = 20 // milliseconds

/**
 * Runs `work` while nobody else has the lock (`alone`), or nobody has it alone (`shared`). Two holders may be in one
 * process, so waiting must not block it.
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
