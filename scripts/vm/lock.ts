import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryLock } from '#given/flock.ts' // Linux's: so this file is imported where a box is built, and nowhere else
import { step } from './steps.ts'

/**
 * Does what only one process may do at a time; a second one waits for the first. The lock ends with its process,
 * however that ends: flock(2).
 *
 * @param what the other one does, for the message: 'builds the box'
 */
export async function alone<T>(file: string, what: string, body: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'w')
  try {
    if (!tryLock(fd, 'alone')) {
      await step(`Waiting for another command, which ${what}`, 60, async () => {
        while (!tryLock(fd, 'alone')) await sleep(200)
      })
    }
    return await body()
  } finally {
    closeSync(fd)
  }
}
