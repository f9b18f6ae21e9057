/*
 * The lock on the file `exit`. Whoever has it alone is the one who may start a container, wait for it, or remove it.
 */
import { wait } from '#given/cgroups/configure.ts'
import { UsageError } from '#given/errors.ts'
import { tryLock } from '#given/flock.ts'
import { closeSync, existsSync, openSync } from '#given/fs.ts'
import { folderOf, type Kept } from './kept.ts'
import { exitFile, isUp } from './state.ts'

/**
 * Takes the lock of a container.
 *
 * @returns the open file; who closes it gives the lock back
 * @throws {UsageError} where it runs, or has been removed
 */
export function lockExit(container: Kept): number {
  const { name } = container.order.spec
  for (let refused = 0; refused < 20; wait(10)) {
    const fd = tryLockExit(container)
    if (fd !== undefined) return fd
    if (!isThere(container)) throw new UsageError(`the container '${name}' has just been removed`, 125)
    if (isUp(container)) refused++ // else it was one who only looked, and has a lock himself for that moment
  }
  throw new UsageError(`the container '${name}' runs already`, 125)
}

/** The same, without waiting. Undefined where somebody else has the lock, or the container is no more. */
export function tryLockExit(container: Kept): number | undefined {
  if (!isThere(container)) return undefined
  const fd = openSync(exitFile(container), 'a+', 0o600)
  if (tryLock(fd, 'alone') && isThere(container)) return fd
  closeSync(fd)
  return undefined
}

const isThere = ({ order }: Kept) => existsSync(`${folderOf(order.spec.id)}/container.json`)
