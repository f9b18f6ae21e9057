/*
 * A second command in a container that runs.
 *
 *     we, P                                     the joiner, J, a second Node             the command, C
 *     find the container, clone J         ──▶   enters its user namespace, boots
 *                                               `join`s the other namespaces, gives
 *                                               up what the container has not
 *     hear C's number                     ◀──   clones C as our child, and ends          waits
 *     put C into the container's cgroup
 *     say the path of the command         ─────────────────────────────────────────▶    execve(2)
 *     wait for C
 *
 * J is in the host's pid namespace: nobody in the container can see it, send it signals or trace it. Of the container's
 * cgroup only C is a member, so that Node's memory and threads are not counted there. See joining.ts and joiner.ts.
 *
 *     node exec.ts '{"entry": …, "argv": …}'
 */

import { existing } from '#given/cgroups/hierarchies.ts'
import { readable } from '#given/channel.ts'
import type { Running } from '#given/engine.ts'
import { UsageError } from '#given/errors.ts'
import { notExecutable } from '#given/exec.ts'
import { closeSync, fstatSync, readSync, writeFileSync, writeSync } from '#given/fs.ts'
import { isatty, nameOfErrno, strerror } from '#given/libc.ts'
import { failure, passing, quit } from '#given/run.ts'
import type { Entry } from '#given/running.ts'
import { traceTo } from '#given/trace.ts'
import { cloneCommand, type Waiting } from './joining.ts'
import { ended, lives, openContainer } from './lives.ts'

/** What one asks of `box exec`. Plain data. */
export interface ExecOrder {
  /** The container. */
  entry: Entry
  argv: string[]
  /** Beyond the container's own. */
  env?: Record<string, string>
  /** Where it starts; where the container's first command did, unless given. */
  cwd?: string | undefined
  /** Who it runs as, `USER` or `USER:GROUP`; as the container's first command, unless given. */
  user?: string | undefined
  /** A terminal of its own: console.ts. */
  terminal?: boolean
  /** Do not wait for it. */
  detached?: boolean
  /** The file of this lesson: yours, or the reference. */
  tools: string
  verbose?: boolean
  task?: string | undefined
  /** A descriptor: the command's pid goes there as a line of JSON when it has started. */
  report?: number
}

const SIGKILL = 9
const PATH_MAX = 4096 // bytes of a path, and its 0

/** Runs a command in a container and returns its exit code; an error of ours is printed, as 125, 126 or 127. */
export async function exec(order: ExecOrder): Promise<number> {
  if (order.verbose) traceTo('exec')
  if (order.task) (await import('#given/tasks.ts')).setTask(order.task)
  const { spec } = order.entry.container
  const started = passing()
  const terminal = isatty(0) ? await import('#given/terminal.ts') : undefined
  const isShell = !order.terminal && !order.detached && terminal?.isInteractiveShell(order.argv) === true
  const foreground = isShell && terminal.waitForForeground()
  try {
    const running = await startIn(order, foreground ? terminal : undefined)
    if (order.report !== undefined) writeSync(order.report, `${JSON.stringify({ pid: running.container.pid })}\n`)
    if (order.detached) return 0
    started(running)
    if (running.console !== undefined) return await (await import('#given/relay.ts')).relay(running, order.tools)
    return await running.wait()
  } catch (error) {
    const { text, code } = await failure(error, spec)
    writeSync(2, `box: ${text}\n`)
    return code
  } finally {
    if (foreground) terminal?.toForeground()
  }
}

/**
 * Starts a command in a container, and returns once it has taken over.
 *
 * @throws {UsageError} where the container has ended, or is paused
 * @throws {ContainerError} where it could not be joined; where the command could not be started, 126 or 127
 */
async function startIn(order: ExecOrder, foreground?: typeof import('#given/terminal.ts')): Promise<Running> {
  const { id, spec } = order.entry.container
  refuseFolders()
  const pidfd = await openContainer(order.entry)
  let waiting: Waiting | undefined
  try {
    waiting = await cloneCommand(order)
    const { command, path, channel } = waiting
    // What it joined was this container if that lives yet: its number was nobody else's meanwhile.
    if (!lives(pidfd)) throw ended(order.entry)
    if (spec.mechanisms.includes('cgroups')) attach(id, command.container.pid)
    foreground?.leadForeground(command.container.pid)
    await execute(channel, path)
    return command
  } catch (error) {
    waiting?.command.signal(SIGKILL)
    await waiting?.command.wait()
    throw lives(pidfd) ? error : ended(order.entry) // then whatever failed, failed for that
  } finally {
    if (waiting) closeSync(waiting.channel)
    closeSync(pidfd)
  }
}

/** A folder of the host that is open as a standard stream would lead out of the container: /proc/self/fd/0/.. */
function refuseFolders(): void {
  for (const [fd, name] of ['standard input', 'standard output', 'standard error'].entries()) {
    if (isFolder(fd))
      throw new UsageError(`${name} is a folder of the host, and a way out of the container: refused`, 125)
  }
}

function isFolder(fd: number): boolean {
  try {
    return fstatSync(fd).isDirectory()
  } catch {
    return false // closed
  }
}

/** Makes a process a member of the container's groups. From outside: in there they look like the root of each tree. */
function attach(id: string, pid: number): void {
  for (const { path } of existing(id)) {
    try {
      writeFileSync(`${path}/cgroup.procs`, String(pid))
    } catch (error) {
      throw new UsageError(`the command cannot be put into the container's cgroup: ${(error as Error).message}`, 125)
    }
  }
}

/**
 * Tells C what to become. It has done that when the channel ends; else it wrote errno there.
 *
 * @throws {CommandError} 126 or 127
 */
async function execute(channel: number, path: string): Promise<void> {
  const text = Buffer.from(`${path}\0`)
  if (text.length > PATH_MAX) throw notExecutable(path, { code: 'ENAMETOOLONG', message: `${path}: ENAMETOOLONG` })
  writeSync(channel, text)
  await readable(channel)
  const errno = Buffer.alloc(4)
  if (readSync(channel, errno) < errno.length) return
  const code = errno.readInt32LE()
  throw notExecutable(path, { code: nameOfErrno(code), message: `${path}: ${nameOfErrno(code)}, ${strerror(code)}` })
}

if (import.meta.main) quit(await exec(JSON.parse(process.argv[2] ?? '{}')))
