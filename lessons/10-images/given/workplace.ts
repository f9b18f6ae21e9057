/*
 * Where things are made: folders in the store's tmp/, each locked by who works in it. What is not locked belongs to
 * nobody any more, so its maker was killed.
 */
import { closeSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { tryLock } from '#given/flock.ts'
import { namesIn, removeTree } from './files.ts'
import { locked } from './lock.ts'
import { openFolder, type Paths } from './place.ts'

/** Gives `work` a folder of its own, and removes it with what is left in it. What is finished is moved out by rename(2). */
export async function workplace<T>(store: Paths, work: (folder: string) => Promise<T>): Promise<T> {
  const { folder, fd } = await locked(join(store.tmp, 'lock'), 'alone', () => {
    sweep(store)
    const made = mkdtempSync(join(store.tmp, 'w-'))
    const lock = openFolder(made)
    tryLock(lock, 'alone') // inside the other lock: nobody sweeps it before
    return { folder: made, fd: lock }
  })
  try {
    return await work(folder)
  } finally {
    try {
      removeTree(folder)
    } finally {
      closeSync(fd)
    }
  }
}

/** Removes what killed writers left. */
function sweep(store: Paths): void {
  for (const name of namesIn(store.tmp).filter((name) => name.startsWith('w-'))) {
    const folder = join(store.tmp, name)
    let fd: number
    try {
      fd = openFolder(folder)
    } catch {
      continue // its maker has just finished
    }
    if (tryLock(fd, 'alone')) removeTree(folder)
    closeSync(fd)
  }
}
