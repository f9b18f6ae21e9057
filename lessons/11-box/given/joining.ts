/*
 * Clones the joiner and, by it, the command, which waits until it is told what to become: our side of joiner.ts.
 */
import { CHANNEL, channel, expect, reader, tell } from '#given/channel.ts'
import { type Call, type Child, clone } from '#given/clone.ts'
import { type Size, sizeOf } from '#given/console.ts'
import { becomeNode, INIT_OPTIONS, initEnvironment, Running } from '#given/engine.ts'
import { closeSync, openSync, readlinkSync } from '#given/fs.ts'
import { CLONE_NEWNS, CLONE_NEWUSER, PR_SET_PDEATHSIG, pidfdOpen } from '#given/libc.ts'
import { load } from '#given/stack.ts'
import type { ExecOrder } from './exec.ts'
import type { JoinOrders } from './joiner.ts'

/** In the order in which they are entered. The user namespace is entered before all, when J has one thread. */
const NAMESPACES = ['cgroup', 'ipc', 'uts', 'net', 'pid', 'mnt']

const F_SETFD = 2
const ALL = 0xffffffff
const SIGKILL = 9
const USUAL: Size = { rows: 24, columns: 80 }
const JOINER = 'the second Node'

/** A command that exists, in the container, and waits at the channel for its path. It ends when the channel does. */
export interface Waiting {
  /** Its `console` is the master of its terminal, where it has one. */
  command: Running
  path: string
  channel: number
}

/**
 * Has a command cloned in a container.
 *
 * @throws {ContainerError} where the container could not be joined, or there is no such command: 126 or 127
 */
export async function cloneCommand(order: ExecOrder): Promise<Waiting> {
  const { container } = order.entry
  const [ours, theirs] = channel()
  let joiner: Running | undefined
  try {
    joiner = await cloneJoiner(order, theirs).finally(() => closeSync(theirs))
    const messages = reader(ours)
    tell(ours, JSON.stringify(ordersFor(order)))
    let master: number | undefined
    if (order.terminal) {
      const { console } = expect(await messages.next(), 'had a terminal', JOINER)
      master = joiner.take(console as number)
      tell(ours, 'taken')
    }
    const told = expect(await messages.next(), 'came to its command. Does `join` end the process?', JOINER)
    const { started: pid, path } = told as { started: number; path: string }
    const command = new Running({ ...container, pid }, pidfdOpen(pid, 0), [])
    command.console = master
    await joiner.wait()
    return { command, path, channel: ours }
  } catch (error) {
    closeSync(ours)
    joiner?.signal(SIGKILL)
    await joiner?.wait()
    throw error
  }
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
    // With mounts of its own, which belong to that user namespace, so that becomeNode() may make one read-only.
    ...(userns === undefined
      ? []
      : ([
          ['setns', userns, CLONE_NEWUSER],
          ['unshare', CLONE_NEWNS],
        ] satisfies Call[])),
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

/** Is a process in another namespace of this kind than we are? */
function differs(pid: number, kind: string): boolean {
  return readlinkSync(`/proc/${pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`)
}
