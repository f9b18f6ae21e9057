import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SyscallError } from '#given/errors.ts'
import { bind } from '#given/libc.ts' // Linux's: so this file is imported where a box is built, and nowhere else
import { step } from './steps.ts'

const LOCK_EX = 2
const LOCK_NB = 4
const flock = bind('int flock(int fd, int operation)')

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
    if (!taken(fd)) {
      await step(`Waiting for another command, which ${what}`, 60, async () => {
        while (!taken(fd)) await sleep(200)
      })
    }
    return await body()
  } finally {
    closeSync(fd)
  }
}

function taken(fd: number): boolean {
  try {
    flock(fd, LOCK_EX | LOCK_NB)
    return true
  } catch (error) {
    if ((error as SyscallError).code === 'EAGAIN') return false
    throw error
  }
}
