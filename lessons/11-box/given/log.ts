/*
 * What a container has printed, standard output and error alike: a file to which cat(1) appends what comes through a
 * pipe, or from the master of its terminal. See streams.ts.
 */
import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs'
import { koffi, pidfdOpen } from '#given/libc.ts'
import type { Entry } from '#given/running.ts'
import { folderOf, type Kept } from './kept.ts'
import { logOf } from './streams.ts'

export const logFile = ({ order }: Kept): string => logOf(folderOf(order.spec.id))

/** A place in a log, from which on one reads. */
export class Log {
  readonly #fd: number
  readonly #file: string
  #at: number

  /** @param at in bytes; the end of what is there now unless given */
  constructor(container: Kept, at?: number) {
    this.#file = logFile(container)
    this.#fd = openSync(this.#file, 'r')
    this.#at = at ?? fstatSync(this.#fd).size
  }

  /** Hands on what has come since the last time. */
  read(write: (piece: Buffer) => void): void {
    const piece = Buffer.alloc(64 * 1024)
    for (;;) {
      const length = readSync(this.#fd, piece, 0, piece.length, this.#at)
      if (length === 0) return
      this.#at += length
      write(Buffer.from(piece.subarray(0, length)))
    }
  }

  /** Hands on what comes, until `end`, and then the rest. */
  async follow(write: (piece: Buffer) => void, end: Promise<unknown>): Promise<void> {
    const watcher = watch(this.#file, () => this.read(write)) // inotify(7)
    this.read(write) // what came before we watched
    try {
      await end
      this.read(write)
    } finally {
      watcher.close()
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Resolves when nobody waits for the container any more: it has ended, and all is cleaned up. */
export function ending({ engine }: Entry): Promise<void> {
  let pidfd: number
  try {
    pidfd = pidfdOpen(engine.pid, 0)
  } catch {
    return Promise.resolve() // ESRCH: already
  }
  return new Promise((resolve) => {
    const handle = koffi.node.poll(pidfd, { readable: true }, () => {
      handle.close()
      closeSync(pidfd)
      setImmediate(resolve)
    })
  })
}

/** Where the last lines of a log begin, in bytes. What comes after the last newline is a line too. */
export function lastLines(container: Kept, lines: number): number {
  if (lines === Number.POSITIVE_INFINITY) return 0
  const fd = openSync(logFile(container), 'r')
  try {
    const { size } = fstatSync(fd)
    const piece = Buffer.alloc(64 * 1024)
    let found = 0
    for (let end = size; end > 0; end -= piece.length) {
      const start = Math.max(0, end - piece.length)
      const length = readSync(fd, piece, 0, end - start, start)
      for (let at = length - 1; at >= 0; at--) {
        if (piece[at] === NEWLINE && start + at < size - 1 && ++found === lines) return start + at + 1
      }
    }
    return lines === 0 ? size : 0
  } finally {
    closeSync(fd)
  }
}

const NEWLINE = 10
