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
 * cgroup only C is a member, so that Node's memory and threads are not counted there. See joiner.ts.
 *
 *     node exec.ts '{"entry": …, "argv": …}'
 */

import { isFrozen } from '#given/cgroups/counters.ts'
import { existing } from '#given/cgroups/hierarchies.ts'
import { CHANNEL, channel, expect, readable, reader, tell } from '#given/channel.ts'
import { type Call, type Child, clone } from '#given/clone.ts'
import { type Size, sizeOf } from '#given/console.ts'
import { becomeNode, INIT_OPTIONS, initEnvironment, Running } from '#given/engine.ts'
import { UsageError } from '#given/errors.ts'
import { notExecutable } from '#given/exec.ts'
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
  writeSync,
} from '#given/fs.ts'
import { bind, CLONE_NEWUSER, isatty, nameOfErrno, PR_SET_PDEATHSIG, strerror } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { status } from '#given/proc.ts'
import { failure, passing, quit } from '#given/run.ts'
import { type Entry, since } from '#given/running.ts'
import { load } from '#given/stack.ts'
import { traceTo } from '#given/trace.ts'
import type { JoinOrders } from './joiner.ts'

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

/** In the order in which they are entered. The user namespace is entered before all, when J has one thread. */
const NAMESPACES = ['cgroup', 'ipc', 'uts', 'net', 'pid', 'mnt']

const F_SETFD = 2
const ALL = 0xffffffff
const SIGKILL = 9
const PATH_MAX = 4096 // bytes of a path, and its 0
const USUAL: Size = { rows: 24, columns: 80 }

const pidfdOpen = bind('int pidfd_open(pid_t pid, unsigned int flags)')
const pidfdSendSignal = bind('int pidfd_send_signal(int pidfd, int sig, void *info, unsigned int flags)')

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
  const { container } = order.entry
  refuseFolders()
  const pidfd = await open(order.entry)
  const [ours, theirs] = channel()
  let joiner: Running | undefined
  try {
    joiner = await cloneJoiner(order, theirs).finally(() => closeSync(theirs))
    const messages = reader(ours)
    tell(ours, JSON.stringify(ordersFor(order)))
    let master: number | undefined
    if (order.terminal) {
      const { console } = expect(await messages.next(), 'had a terminal', 'the second Node')
      master = joiner.take(console as number)
      tell(ours, 'taken')
    }
    const what = 'came to its command. Does `join` end the process?'
    const { started, path } = expect(await messages.next(), what, 'the second Node') as {
      started: number
      path: string
    }
    const pid = started
    const running = new Running({ ...container, pid }, pidfdOpen(pid, 0), [])
    running.console = master
    try {
      await joiner.wait()
      // What it joined was this container if that lives yet: its number was nobody else's meanwhile.
      if (!lives(pidfd)) throw ended(order.entry)
      if (container.spec.mechanisms.includes('cgroups')) attach(container.id, pid)
      foreground?.leadForeground(pid)
      await execute(ours, path)
    } catch (error) {
      running.signal(SIGKILL)
      await running.wait()
      throw error
    }
    return running
  } catch (error) {
    joiner?.signal(SIGKILL)
    await joiner?.wait()
    throw lives(pidfd) ? error : ended(order.entry) // then whatever failed, failed for that
  } finally {
    closeSync(ours)
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

/**
 * A pidfd of a container's first process, once its command has begun: before that it still has the host's root.
 *
 * @throws {UsageError} where it has ended or is paused
 */
async function open(entry: Entry): Promise<number> {
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

function lives(pidfd: number): boolean {
  try {
    pidfdSendSignal(pidfd, 0, null, 0)
    return true
  } catch {
    return false
  }
}

function ended({ container: { spec } }: Entry): UsageError {
  return new UsageError(`the container '${spec.name}' has ended`, 125)
}

/** Clones J. Where the container has a user namespace, it enters that at once: a process with threads cannot. */
async function cloneJoiner({ entry, detached }: ExecOrder, theirs: number): Promise<Running> {
  const { container, layers } = entry
  const user = layers.find(({ name }) => name === 'user')
  const early = user ? ((await load(user)).early?.() ?? []) : []
  const opened = [
    ...(detached ? [openSync('/dev/null', 'r+')] : []),
    ...(user && differs(container.pid, 'user') ? [openSync(`/proc/${container.pid}/ns/user`, 'r')] : []),
  ]
  const [nothing, userns] = detached ? opened : [undefined, opened[0]]
  const chain: Call[] = [
    ...[0, 1, 2].map((fd): Call => (nothing === undefined ? ['fcntl', fd, F_SETFD, 0] : ['dup2', nothing, fd])),
    ...(userns === undefined ? [] : [['setns', userns, CLONE_NEWUSER] satisfies Call]),
    ['dup2', theirs, CHANNEL],
    ['close_range', CHANNEL + 1, ALL, 0],
    ...early,
    ['prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    ...becomeNode([...INIT_OPTIONS, new URL('joiner.ts', import.meta.url).pathname], initEnvironment()),
  ]
  let child: Child
  try {
    child = clone(0, chain)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
  return new Running({ ...container, pid: child.pid }, child.pidfd, [])
}

/** Is a process in another namespace of this kind than we are? */
function differs(pid: number, kind: string): boolean {
  return readlinkSync(`/proc/${pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`)
}

function ordersFor({ entry, ...order }: ExecOrder): JoinOrders {
  const { container, layers } = entry
  const { env = {}, verbose = false, detached = false, terminal = false, argv, tools, task } = order
  const { spec } = container
  const user = order.user ?? spec.privileges.user
  return {
    pid: container.pid,
    namespaces: NAMESPACES.filter((kind) => differs(container.pid, kind)),
    capabilities: layers.find(({ name }) => name === 'capabilities'),
    spec: {
      ...spec,
      argv,
      env: { ...spec.env, ...(terminal && process.env.TERM ? { TERM: process.env.TERM } : {}), ...env },
      cwd: order.cwd ?? spec.cwd,
      init: false,
      privileges: { ...spec.privileges, ...(user === undefined ? {} : { user }), covers: false }, // they are covered already
    },
    terminal: terminal ? (sizeOf(0) ?? USUAL) : undefined,
    detached,
    tools,
    verbose,
    task,
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
