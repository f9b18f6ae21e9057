/*
 * The end of a container: sending it signals, and waiting until it is over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { wait as pause } from '#given/cgroups/configure.ts'
import { ENGINE_ERROR } from '#given/engine.ts'
import { tryLock } from '#given/flock.ts'
import { closeSync, openSync } from '#given/fs.ts'
import { pidfdOpen, pidfdSendSignal } from '#given/libc.ts'
import { type Entry, isOf } from '#given/running.ts'
import { load } from '#given/stack.ts'
import type { Kept } from './kept.ts'
import { ending } from './log.ts'
import { exitFile, LOST, readExit } from './state.ts'

const SIGKILL = 9

/**
 * Sends a signal to a container's first process. One that has ended already is no error.
 *
 * By a pidfd, and a look between its opening and its use: the number of a process that has ended is given out again.
 */
export async function signal(entry: Entry, number: number): Promise<void> {
  const { container } = entry
  if (number === SIGKILL) await wake(entry)
  try {
    const pidfd = pidfdOpen(container.pid, 0)
    try {
      if (isOf(entry)) pidfdSendSignal(pidfd, number, null, 0)
    } finally {
      closeSync(pidfd)
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error
  }
}

/** Lets a container that stands still go on, so that signals reach it. */
export async function wake({ container, layers }: Entry): Promise<void> {
  for (const layer of layers) (await load(layer)).beforeKill?.(container)
}

/**
 * Asks a container to end, kills it where it does not, and returns when all is cleaned up.
 *
 * @param number the signal that asks
 * @param time how long it has, in milliseconds
 */
export async function stop(entry: Entry, number: number, time: number): Promise<void> {
  const end = ending(entry)
  await signal(entry, number)
  await wake(entry) // a paused one gets the signal when it goes on
  const inTime = await Promise.race([end.then(() => true), sleep(time, false, { ref: false })])
  if (!inTime) await signal(entry, SIGKILL)
  await end
}

/**
 * Opens what tells of a container's end, while it is there: one that goes with its end leaves nothing to open.
 *
 * @returns a function that waits until it has ended and all is cleaned up, and returns its exit code
 */
export function endOf(container: Kept): () => number {
  const fd = openSync(exitFile(container), 'r')
  return () => {
    try {
      while (!tryLock(fd, 'shared')) pause(20)
      const { code, failed } = readExit(fd)
      return code ?? (failed ? ENGINE_ERROR : LOST)
    } finally {
      closeSync(fd)
    }
  }
}
