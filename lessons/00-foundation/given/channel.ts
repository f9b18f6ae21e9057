/*
 * The channel between the engine and what it has cloned: a pair of sockets, with a JSON object a line, or a word. The
 * parent reads while its event loop goes on; the child waits for each line.
 */
import type { ErrorData } from './errors.ts'
import { readSync, writeSync } from './fs.ts'
import { bind, koffi } from './libc.ts'
import { trace } from './trace.ts'

/** Where the child finds its end; 0 to 2 are the command's own. */
export const CHANNEL = 3

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000

const socketpair = bind('int socketpair(int domain, int type, int protocol, int *sv)')

/** An error of the child's, brought over to the parent. */
export class ContainerError extends Error {
  override name = 'ContainerError'
  readonly data: ErrorData

  constructor(data: ErrorData) {
    super(data.message)
    this.data = data
  }
}

/** A new channel: the parent's end, and the child's. */
export function channel(): [number, number] {
  const pair = new Int32Array(2)
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)
  return [pair[0] ?? -1, pair[1] ?? -1]
}

/** Sends a line to the child. One that has died is no error here: what it said before is still to be read. */
export function tell(fd: number, line: string): void {
  const data = Buffer.from(`${line}\n`)
  try {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
    trace?.('write', [], [fd, data.toString()], data.length)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') throw error
  }
}

/** Reads lines from the child; undefined at the end of file. */
export function reader(fd: number): { next(): Promise<string | undefined> } {
  let rest = ''
  const chunk = Buffer.alloc(64 * 1024)
  const next = async (): Promise<string | undefined> => {
    for (;;) {
      const [line, ...more] = rest.split('\n')
      if (more.length > 0) {
        rest = more.join('\n')
        return line
      }
      await readable(fd)
      const length = readSync(fd, chunk)
      trace?.('read', [], [fd, chunk.toString('utf8', 0, length)], length)
      if (length === 0) return undefined
      rest += chunk.toString('utf8', 0, length)
    }
  }
  return { next }
}

/** Takes the next message of the child; one that is an error is thrown. */
export function expect(line: string | undefined, what: string, who = 'the init'): Record<string, unknown> {
  if (line === undefined) throw new ContainerError({ name: 'Error', message: `${who} ended before it ${what}` })
  const message = JSON.parse(line)
  if (message.error) throw new ContainerError(message.error)
  return message
}

/** Resolves when a descriptor has something to read, or its other end is closed. */
export function readable(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const handle = koffi.node.poll(fd, { readable: true, disconnect: true }, () => {
      handle.close()
      setImmediate(resolve) // koffi calls us outside of Node's turn: a promise settled here would wait for the next one
    })
  })
}

/** Tells the parent: the child's side. */
export function say(message: object): void {
  const line = `${JSON.stringify(message)}\n`
  const length = writeSync(CHANNEL, line)
  trace?.('write', [], [CHANNEL, line], length)
}

/** Waits for a line of the parent: the child's side. Ends this process where the parent has died. */
export function readLine(): string {
  const chunk = Buffer.alloc(64 * 1024)
  const parts: Buffer[] = []
  // The parent sends the next line only when we have said that we are ready, so a chunk never holds two.
  while (parts.at(-1)?.at(-1) !== '\n'.charCodeAt(0)) {
    const length = readSync(CHANNEL, chunk)
    if (length === 0) process.exit(125) // the parent is dead: nobody to tell
    trace?.('read', [], [CHANNEL, chunk.toString('utf8', 0, length)], length)
    parts.push(Buffer.from(chunk.subarray(0, length)))
  }
  return Buffer.concat(parts).toString('utf8')
}
