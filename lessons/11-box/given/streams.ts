/*
 * The standard streams of a container that is kept: what it prints goes through a pipe to a file, and what it reads
 * comes from a FIFO. In between is cat(1): were the file itself its output, `echo … > /dev/stdout` would empty the log.
 *
 * A program may open its streams again, /dev/stderr for one, whoever it runs as, and the kernel then asks for
 * permission as with any file. So pipe and FIFO are for all, and the folder is for nobody but the owner.
 */
import { spawn } from 'node:child_process'
import { tryLock } from '#given/flock.ts'
import { chmodSync, closeSync, mkdirSync, openSync } from '#given/fs.ts'
import { bind, mkfifo } from '#given/libc.ts'

const pipe2 = bind('int pipe2(int *pipefd, int flags)')
const fchmod = bind('int fchmod(int fd, mode_t mode)')
const O_CLOEXEC = 0o2000000

/** What it has printed, both standard output and standard error. */
export const logOf = (folder: string): string => `${folder}/streams/log`

/** Where somebody may type to it. */
export const stdinOf = (folder: string): string => `${folder}/streams/stdin`

/** Makes them in the folder of a container. */
export function makeStreams(folder: string): void {
  mkdirSync(`${folder}/streams`, { mode: 0o700 })
  closeSync(openSync(logOf(folder), 'a', 0o600))
  mkfifo(stdinOf(folder), 0o666)
  chmodSync(stdinOf(folder), 0o666) // whatever the umask says
}

/** A pipe: its end to read from, and its end to write to. */
export function pipe(): [number, number] {
  const ends = new Int32Array(2)
  pipe2(ends, O_CLOEXEC)
  return [ends[0] ?? -1, ends[1] ?? -1]
}

/** A pipe to the log: its end to write to. It is written down by a process that ends with the last one who has that. */
export function openLog(folder: string): number {
  const [from, to] = pipe()
  fchmod(to, 0o666)
  record(from, folder)
  closeSync(from)
  return to
}

/** Copies to the log whatever comes. Who does so has a lock on it: then there may be more to come. */
export function record(from: number, folder: string): void {
  const log = openSync(logOf(folder), 'a')
  tryLock(log, 'shared')
  copy(from, log)
  closeSync(log)
}

/** Copies from one descriptor to another until the first has ended, whether or not we live so long. */
export function copy(from: number, to: number): void {
  const env = { PATH: process.env.PATH }
  spawn('cat', { stdio: [from, to, 'ignore'], detached: true, env }).unref()
}

/** Is all written down? */
export function isComplete(folder: string): boolean {
  const log = openSync(logOf(folder), 'r')
  try {
    return tryLock(log, 'alone')
  } finally {
    closeSync(log)
  }
}
