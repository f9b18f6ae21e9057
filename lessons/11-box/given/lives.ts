/*
 * Is the process that a container's entry names still that one? A number alone may be another's by now.
 */
import { isFrozen } from '#given/cgroups/counters.ts'
import { existing } from '#given/cgroups/hierarchies.ts'
import { UsageError } from '#given/errors.ts'
import { readFileSync } from '#given/fs.ts'
import { pidfdOpen, pidfdSendSignal } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { status } from '#given/proc.ts'
import { type Entry, since } from '#given/running.ts'

/**
 * A pidfd of a container's first process, once its command has begun: before that it still has the host's root.
 *
 * @throws {UsageError} where it has ended or is paused
 */
export async function openContainer(entry: Entry): Promise<number> {
  const { id, pid, spec } = entry.container
  if (spec.mechanisms.includes('cgroups') && existing(id).length > 0 && isFrozen(id))
    throw new UsageError(`the container '${spec.name}' is paused: npm run box -- unpause ${spec.name}`, 125)
  let pidfd: number
  try {
    pidfd = pidfdOpen(pid, 0)
  } catch {
    throw ended(entry)
  }
  const begins = Date.now()
  while (isBeginning(entry)) {
    if (Date.now() - begins > seconds(10))
      throw new UsageError(`the container '${spec.name}' has not come to its command yet`, 125)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  // Its number could be another's by now, but not the number of another child of the same process. What was read of it
  // was its own if it lives after that.
  if (
    status(pid, 'PPid') !== String(entry.engine.pid) ||
    since(entry.engine.pid) !== entry.engine.since ||
    !lives(pidfd)
  )
    throw ended(entry)
  return pidfd
}

const INIT = new URL(import.meta.resolve('#given/init.ts')).pathname

/** Is its first process still our init, with no command yet? */
function isBeginning({ container: { pid, spec } }: Entry): boolean {
  try {
    const isInit = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(INIT)
    const child = `/proc/${pid}/task/${pid}/children`
    return isInit && !(spec.init && readFileSync(child, 'utf8') !== '')
  } catch {
    return false // it has ended
  }
}

/** Does the process that a pidfd refers to live? */
export function lives(pidfd: number): boolean {
  try {
    pidfdSendSignal(pidfd, 0, null, 0)
    return true
  } catch {
    return false
  }
}

/** What to tell of one that does not. */
export function ended({ container: { spec } }: Entry): UsageError {
  return new UsageError(`the container '${spec.name}' has ended`, 125)
}
