/*
 * Who waits for a container when you have gone? Docker has a shim for each, podman has conmon: small programs in Go and
 * C. Ours is no program at all. It is a child that never comes to its execve(2): a chain of calls of libc (clone.ts)
 * that waits, writes down what it heard, and only then becomes a Node again, to clean up.
 *
 *     S, the supervisor    setsid, posix_spawn(engine), waitid, waitid, execve(finish.ts)
 *     └─ E, the engine     detached.ts: starts the container as its sibling, and ends
 *     └─ the container
 *
 * While it waits it takes 3 MB, since it gives back the memory of the Node that it was.
 */

import { type Call, type Child, clone } from '#given/clone.ts'
import { closeSync, openSync, readFileSync, readSync } from '#given/fs.ts'
import { bind, waitpid } from '#given/libc.ts'
import { lockExit } from './exit-lock.ts'
import { folderOf, type Kept } from './kept.ts'
import { logOf, openLog, pipe, stdinOf } from './streams.ts'

/** What ps -e calls it. */
export const SUPERVISOR = 'supervisor'
// Descriptors of the supervisor, and of the engine.
export const EXIT = 3
export const REPORT = 4
const TYPIST = 5 // the FIFO, so that it has a writer as long as the container has a supervisor

const ALL = 0xffffffff
const PR_SET_NAME = 15
const P_ALL = 0
const WEXITED = 4
const SIGINFO = 128
const MADV_DONTNEED = 4
const O_RDWR = 2

const ftruncate = bind('int ftruncate(int fd, off_t length)')

/** What the engine reports: the container's first process, or why there is none. */
export type Report = { pid: number } | { error: string; code: number }

/**
 * Starts a container that is kept, and returns when its command has begun, or why it has not.
 *
 * @throws {UsageError} where it runs already, or has been removed
 */
export function startDetached(container: Kept): Report {
  const folder = folderOf(container.order.spec.id)
  const exit = lockExit(container)
  ftruncate(exit, 0) // how it ended the last time
  const { terminal } = container.order.spec
  const log = terminal ? openSync(logOf(folder), 'a') : openLog(folder) // a terminal has somebody who writes it down
  const listens = container.interactive || terminal !== undefined
  const typist = listens ? openSync(stdinOf(folder), O_RDWR) : undefined // for reading alone it would wait for a writer
  const stdin = openSync(listens ? stdinOf(folder) : '/dev/null', 'r')
  const [ours, theirs] = pipe()
  let child: Child
  try {
    child = clone(0, supervisor(folder, { stdin, log, exit, report: theirs, typist }))
  } finally {
    // They are the supervisor's now: the lock, and the last end of the log, by which one sees that all is written.
    for (const fd of [exit, theirs, log, stdin, typist]) if (fd !== undefined) closeSync(fd)
  }
  closeSync(child.pidfd)
  try {
    const line = readLine(ours)
    if (line !== undefined && !('error' in line)) return line
    waitpid(child.pid) // until all is cleaned up
    return line ?? { error: 'the engine was killed before its container had begun', code: 125 }
  } finally {
    closeSync(ours)
  }
}

interface Descriptors {
  stdin: number
  log: number
  exit: number
  report: number
  typist: number | undefined
}

/** The supervisor's life. It cannot branch, and need not: who ended first is seen in what it writes down. */
function supervisor(folder: string, { stdin, log, exit, report, typist }: Descriptors): Call[] {
  const node = process.execPath
  const program = (name: string) => [node, '--no-warnings', new URL(name, import.meta.url).pathname, folder]
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`)
  const engine = new Uint8Array(4)
  const [one, other] = [new Uint8Array(SIGINFO), new Uint8Array(SIGINFO)]
  const to = (fd: number, target: number): Call => ['dup2', fd, target]
  return [
    ['setsid'], // no Ctrl-C and no hangup of your terminal reaches it
    ...[to(stdin, 0), to(log, 1), to(log, 2), to(exit, EXIT), to(report, REPORT)],
    ...(typist === undefined ? [] : [to(typist, TYPIST)]),
    ['close_range', typist === undefined ? TYPIST : TYPIST + 1, ALL, 0],
    ['chdir', '/'],
    ['prctl', PR_SET_NAME, SUPERVISOR, 0, 0, 0], // what ps -e shows
    ...heaps().map(([start, length]): Call => ['madvise', start, length, MADV_DONTNEED]),
    ['posix_spawn', engine, node, 0, 0, program('detached.ts'), environment],
    ['close', REPORT],
    ['write', EXIT, engine, engine.length],
    ['waitid', P_ALL, 0, one, WEXITED, 0],
    ['write', EXIT, one, one.length],
    ['waitid', P_ALL, 0, other, WEXITED, 0],
    ['write', EXIT, other, other.length],
    ['execve', node, program('finish.ts'), environment],
  ]
}

const ARENA = 64n * 1024n * 1024n // glibc begins the heap of a thread at a multiple of this

/**
 * Where malloc(3) has its heaps. A copy of them is of no use to a process that will run no JavaScript, and is most of
 * its memory.
 */
function heaps(): [start: bigint, length: bigint][] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, first = '', end = '', name] = line.match(/^(\w+)-(\w+) rw-p 0+ 00:00 0\s*(\S*)$/) ?? []
      const start = BigInt(`0x${first || 0}`)
      const isHeap = name === '[heap]' || (name === '' && start % ARENA === 0n)
      return isHeap ? [[start, BigInt(`0x${end}`) - start] as [bigint, bigint]] : []
    })
}

/** Waits for a line. Undefined where the other side ended without. */
function readLine(fd: number): Report | undefined {
  const chunk = Buffer.alloc(64 * 1024)
  let text = ''
  while (!text.endsWith('\n')) {
    const length = readSync(fd, chunk)
    if (length === 0) return undefined
    text += chunk.toString('utf8', 0, length)
  }
  return JSON.parse(text)
}
