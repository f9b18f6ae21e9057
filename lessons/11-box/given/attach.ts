/*
 * Attaching to a container that runs without you: its log from here on, and a FIFO to type to. Whoever attaches can go
 * again, and the container does not notice.
 */
import { closeSync, createWriteStream, openSync } from 'node:fs'
import { bind, isatty } from '#given/libc.ts'
import { keepRaw } from '#given/raw.ts'
import { flushed } from '#given/run.ts'
import { type Entry, isOf } from '#given/running.ts'
import { importFile } from '#given/stack.ts'
import { endOf, signal } from './ending.ts'
import { folderOf, type Kept } from './kept.ts'
import { ending, Log } from './log.ts'
import { stdinOf } from './streams.ts'

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const O_RDWR = 2
const O_NOCTTY = 0o400
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_IN_ROOT = 0x10

const SIGNALS = { SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 }
const [CTRL_P, CTRL_Q] = [0x10, 0x11]

export interface Attachment {
  /** The file of lesson 11 that sets the size of terminals. */
  tools: string
  /** From where in the log; from now on unless given. */
  log?: Log
  /** Its end, where that was opened before it could come: endOf(). */
  ended?: () => number
  /** Whether to type to it. */
  input: boolean
}

/** Shows what a container prints and sends it what you type, until it has ended or you detach: its exit code, or undefined. */
export async function attach(
  container: Kept,
  entry: Entry,
  { tools, log, input, ended = endOf(container) }: Attachment,
): Promise<number | undefined> {
  const place = log ?? new Log(container)
  const hasTerminal = container.order.spec.terminal !== undefined
  const end = ending(entry)
  let leave = () => {}
  const left = new Promise<'left'>((resolve) => {
    leave = () => resolve('left')
  })
  const undo = [proxySignals(entry, leave)]
  process.stdout.on('error', leave) // EPIPE: who read it, such as head(1), has seen enough
  if (hasTerminal && isatty(0)) undo.push(await matchSize(entry, tools))
  if (input) undo.push(type(stdinOf(folderOf(container.order.spec.id)), hasTerminal, leave))
  try {
    const over = Promise.race([end, left])
    await place.follow((piece) => process.stdout.write(piece), over)
    return (await over) === 'left' ? undefined : ended()
  } finally {
    for (const step of undo) step()
    place.close()
    await flushed()
  }
}

/**
 * Passes on the signals that we get. A second Ctrl-C is for us, since pid 1 may ignore them all, and so is SIGHUP: that our
 * terminal is gone is nothing to the container.
 */
function proxySignals(entry: Entry, leave: () => void): () => void {
  let interrupts = 0
  const handlers = Object.entries(SIGNALS).map(([name, number]) => {
    const handler = () => {
      if (name === 'SIGINT' && ++interrupts === 2) leave()
      else void signal(entry, number)
    }
    process.on(name, handler)
    return () => process.removeListener(name, handler)
  })
  process.on('SIGHUP', leave)
  return () => {
    process.removeListener('SIGHUP', leave)
    for (const remove of handlers) remove()
  }
}

/**
 * Gives its terminal the size of ours, now and whenever ours changes. In between we do not have it open: who writes down
 * what comes from it comes to the end when nobody has it any more.
 */
async function matchSize(entry: Entry, tools: string): Promise<() => void> {
  const { consoleSize } = (await importFile(tools)) as { consoleSize: (from: number, to: number) => void }
  const resize = () => {
    const terminal = openInside(entry, '/dev/console')
    if (terminal === undefined) return
    try {
      consoleSize(0, terminal)
    } finally {
      closeSync(terminal)
    }
  }
  resize()
  process.on('SIGWINCH', resize)
  return () => process.removeListener('SIGWINCH', resize)
}

/**
 * Opens a file of a container's root, and none of ours: no symbolic link of its leads out, or is followed at all.
 *
 * @returns undefined where the container has ended
 */
function openInside(entry: Entry, path: string): number | undefined {
  let root: number | undefined
  try {
    root = openSync(`/proc/${entry.container.pid}/root`, 'r')
    if (!isOf(entry)) return undefined // the number is somebody else's by now
    const flags = BigInt(O_RDWR | O_NOCTTY | O_CLOEXEC)
    const how = BigUint64Array.of(flags, 0n, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS))
    return openat2(root, path, how, how.byteLength)
  } catch (error) {
    if (isOf(entry)) throw error
    return undefined
  } finally {
    if (root !== undefined) closeSync(root)
  }
}

/** Sends what is typed. Ctrl-P Ctrl-Q detaches, as in Docker; where there is no terminal, one byte is as good as another. */
function type(fifo: string, hasTerminal: boolean, leave: () => void): () => void {
  const { stdin } = process
  const raw = hasTerminal && stdin.isTTY
  const to = createWriteStream(fifo, { flags: 'r+' }) // a FIFO without a reader would hold up one who only writes
  let held = false // a Ctrl-P, of which we do not know yet
  const data = (bytes: Buffer) => {
    if (!raw) return void to.write(bytes)
    const out: number[] = []
    for (const byte of bytes) {
      if (held && byte === CTRL_Q) {
        leave()
        break
      }
      if (held) out.push(CTRL_P)
      held = byte === CTRL_P
      if (!held) out.push(byte)
    }
    if (out.length > 0) to.write(Buffer.from(out))
  }
  const restore = raw ? keepRaw(0) : undefined
  stdin.on('data', data)
  stdin.on('error', leave) // EIO: the terminal is gone
  return () => {
    stdin.removeListener('data', data)
    restore?.()
    stdin.destroy()
    to.destroy()
  }
}
