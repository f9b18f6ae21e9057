/*
 * The state of a container that is kept, from three facts: is there somebody who waits for it (a lock on the file
 * `exit`: it ends with its holder, however that ends), does its first process run (running.ts), and what did
 * waitid(2) say of its end.
 */
import { isFrozen } from '#given/cgroups/counters.ts'
import { tryLock } from '#given/flock.ts'
import { closeSync, fstatSync, openSync, readFileSync, statSync } from '#given/fs.ts'
import { type Entry, running } from '#given/running.ts'
import { folderOf, type Kept } from './kept.ts'

export type Status =
  /** Not started yet. */
  | 'created'
  /** Its first process is being prepared. */
  | 'starting'
  | 'running'
  | 'paused'
  /** Its first process has ended, and what was made for it outside is being removed. */
  | 'stopping'
  | 'exited'
  /** Who waited for it was killed, and it with him: nobody knows its exit code. */
  | 'lost'

export interface State {
  status: Status
  /** Where it runs. */
  entry?: Entry
  /** Where it has ended: the command's own, or 128 plus the signal. */
  exitCode?: number
  /** When it came to this state, in milliseconds since 1970. */
  since: number
}

/**
 * The state of a container now.
 *
 * @throws ENOENT where it is removed meanwhile
 */
export function stateOf(container: Kept): State {
  const file = exitFile(container)
  const up = isUp(container) // before we read: what waits and then writes must not be taken for lost
  if (!up && !hasEnded(container)) return { status: 'created', since: container.created }
  const { code, time, failed } = readExit(file)
  if (failed && !up) return { status: 'created', since: time }
  if (failed) return { status: 'stopping', since: time }
  if (code !== undefined) return { status: up ? 'stopping' : 'exited', exitCode: code, since: time }
  if (!up && isUp(container)) return stateOf(container) // it has just been started
  if (!up) return { status: 'lost', exitCode: LOST, since: time }
  const entry = running().find((one) => one.container.id === container.order.spec.id)
  if (!entry) return { status: 'starting', since: time }
  return { status: isPaused(entry) ? 'paused' : 'running', entry, since: entry.started }
}

/** SIGKILL ended its supervisor, and by PR_SET_PDEATHSIG the container. */
export const LOST = 128 + 9

export const exitFile = ({ order }: Kept): string => `${folderOf(order.spec.id)}/exit`

/** Does somebody wait for it? */
export function isUp(container: Kept): boolean {
  let fd: number | undefined
  try {
    fd = openSync(exitFile(container), 'r')
    return !tryLock(fd, 'shared')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return false
    throw error
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Was it ever started? From then on there is something in the file: who is about to start it opens it empty. */
export const hasEnded = (container: Kept): boolean =>
  (statSync(exitFile(container), { throwIfNoEntry: false })?.size ?? 0) > 0

const NUMBER = 4
const SIGINFO = 128 // bytes; siginfo_t, sigaction(2)
const CLD_EXITED = 1
// Where siginfo_t has its fields on 64-bit machines.
const [SI_CODE, SI_PID, SI_STATUS] = [8, 16, 24]

/**
 * Reads what the supervisor wrote: the number of the engine, and then how each of its two children ended. The one that
 * is not the engine was the container.
 *
 * `failed`: its command never began. The engine says so by its own exit code, or there was no other child.
 */
export function readExit(file: string | number): { code: number | undefined; time: number; failed: boolean } {
  const bytes = readFileSync(file)
  const time = (typeof file === 'number' ? fstatSync(file) : statSync(file)).mtimeMs
  const engine = bytes.length >= NUMBER ? bytes.readInt32LE(0) : 0
  let code: number | undefined
  for (let at = NUMBER; at + SIGINFO <= bytes.length; at += SIGINFO) {
    const pid = bytes.readInt32LE(at + SI_PID)
    if (pid === 0) continue // nobody to wait for, ECHILD
    const status = bytes.readInt32LE(at + SI_STATUS)
    const hasExited = bytes.readInt32LE(at + SI_CODE) === CLD_EXITED
    if (pid !== engine) code = hasExited ? status : 128 + status
    else if (hasExited && status !== 0) return { code: undefined, time, failed: true }
  }
  return { code, time, failed: code === undefined && bytes.length >= NUMBER + 2 * SIGINFO }
}

/** Does it stand still? */
export function isPaused({ container, layers }: Entry): boolean {
  if (!layers.some(({ name }) => name === 'cgroups')) return false
  try {
    return isFrozen(container.id)
  } catch {
    return false // it is about to begin, or to end
  }
}
