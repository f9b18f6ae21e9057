import { readlinkSync } from './fs.ts'
import { formatCall, nameOfErrno } from './trace.ts'

/** A call of the kernel or of libc that failed. `code` is errno's name, as in Node's own errors. */
export class SyscallError extends Error {
  override name = 'SyscallError'
  readonly call: string
  readonly code: string
  readonly errno: number
  /** The call as a C programmer would write it, with the values that it got. */
  readonly detail: string

  constructor(call: string, names: string[], args: unknown[], errno: number, meaning: string) {
    const object = objectOf(names, args)
    const on = object === undefined ? '' : ` on ${object}`
    super(`${call}(${SECTION_3.has(call) ? 3 : 2})${on}: ${nameOfErrno(errno)}, ${meaning}`)
    this.call = call
    this.code = nameOfErrno(errno)
    this.errno = errno
    this.detail = formatCall(call, names, args)
  }
}

const SECTION_3 = new Set(['mq_open', 'mq_send', 'mq_receive', 'mq_unlink', 'shm_open', 'shm_unlink'])

/** What a call worked on, for the message: the target before the source, since that is what one looks for. */
function objectOf(names: string[], args: unknown[]): string | undefined {
  for (const name of ['target', 'pathname', 'path', 'new_root', 'linkpath', 'name', 'source']) {
    const value = args[names.indexOf(name)]
    if (typeof value === 'string') return readable(value)
  }
  return undefined
}

/** A target that was opened first is passed as /proc/self/fd/N; say what N is. */
function readable(path: string): string {
  if (!path.startsWith('/proc/self/fd/')) return path
  try {
    return readlinkSync(path)
  } catch {
    return path
  }
}

/** A task that the learner has not done yet. */
export class NotWritten extends Error {
  override name = 'NotWritten'
  readonly task: string

  constructor(task: string) {
    super(`${task}: not written yet`)
    this.task = task
  }
}

/** A file of a lesson that Node cannot load. */
export class LoadError extends Error {
  override name = 'LoadError'
  readonly file: string

  constructor(file: string, cause: unknown) {
    super(`${inProject(file)} cannot be loaded: ${reason(file, cause)}`)
    this.file = file
  }
}

/** The line and the complaint. V8 puts the line at the head of a SyntaxError's stack, not in its message. */
function reason(file: string, cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const [first = ''] = (cause.stack ?? '').split('\n')
  const line = first.startsWith('file:') || first.startsWith(file) ? first.match(/:(\d+)$/)?.[1] : undefined
  return `${line ? `line ${line}, ` : ''}${cause.message.trim()}`
}

/** A path as one reads it in the project: lessons/04-uts/uts.ts. */
export function inProject(file: string): string {
  return file.replace(/^.*\/((?:lessons|solutions)\/)/, '$1')
}

/** Something that the user asked for and that cannot be: what, why, and what to do. `exitCode` is the command's. */
export class UsageError extends Error {
  override name = 'UsageError'
  readonly exitCode: number

  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}

/** An error as plain data, to send from one process to another. */
export interface ErrorData {
  name: string
  message: string
  code?: string
  task?: string
  detail?: string
  exitCode?: number
  where?: string
}

/**
 * Makes an error into plain data. `where` is the first line of its stack that lies in a lesson; what cannot be done as it
 * was asked for is no lesson's fault.
 */
export function toData(error: unknown): ErrorData {
  if (!(error instanceof Error))
    return { name: 'Error', message: `something was thrown that is no Error: ${String(error)}` }
  const data: ErrorData = { name: error.name, message: error.message }
  for (const key of ['code', 'task', 'detail', 'exitCode'] as const) {
    if (key in error) Object.assign(data, { [key]: (error as unknown as Record<string, unknown>)[key] })
  }
  const where = error.stack?.match(/(?:lessons|solutions)\/(?!00-foundation\/given)[\w-]+\/[\w-]+\.ts:\d+/)?.[0]
  if (where && !(error instanceof UsageError)) data.where = where
  return data
}
