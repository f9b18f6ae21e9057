/*
 * The joiner: a second Node that `box exec` clones, and that becomes a member of a container by lesson 11's `join`. It is
 * in the container's user namespace already (joining.ts), and stays in the host's pid namespace. Its child is the first
 * to be in the container: that one is the command, and it runs no JavaScript (clone.ts).
 */

import { flushCompileCache } from 'node:module'
import { CHANNEL, readLine, say } from '#given/channel.ts'
import { type Call, clone } from '#given/clone.ts'
import type { Size } from '#given/console.ts'
import { toData } from '#given/errors.ts'
import { closeOnExec, prepare, variables } from '#given/exec.ts'
import { closeSync } from '#given/fs.ts'
import { bind, CLONE_PARENT, isatty, libc, PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl } from '#given/libc.ts'
import type { Spec } from '#given/mechanism.ts'
import { importFile, type Layer, load } from '#given/stack.ts'
import { traceTo } from '#given/trace.ts'

/** What exec.ts sends. */
export interface JoinOrders {
  /** The container's first process. */
  pid: number
  namespaces: string[]
  /** How the container gave up its privileges, and so do we. */
  capabilities: Layer | undefined
  /** The container's, but for what is asked of this command. */
  spec: Spec
  /** A terminal of its own, so large. */
  terminal: Size | undefined
  detached: boolean
  tools: string
  verbose: boolean
  task: string | undefined
}

const ALL = 0xffffffff
const F_SETFD = 2
const FD_CLOEXEC = 1
const SIGKILL = 9
const PATH_MAX = 4096

const exitNow = bind('int _exit(int status)')

try {
  const orders: JoinOrders = JSON.parse(readLine())
  const { pid, namespaces, spec, terminal, task } = orders
  if (orders.verbose) traceTo('joiner')
  closeOnExec(CHANNEL)
  if (task) (await import('#given/tasks.ts')).setTask(task)
  // All is loaded now; once we have joined, the files are the container's.
  const { join } = (await importFile(orders.tools)) as { join: (pid: number, namespaces: string[]) => void }
  const capabilities = orders.capabilities && (await load(orders.capabilities))
  const console = terminal ? await import('#given/console.ts') : undefined
  flushCompileCache() // and not at the end, when its folder would be one of the container's
  // Our child is a Node for a moment, and can be seen in there: nobody is to look into it, or to read our path of its name.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
  process.title = 'box exec'
  join(pid, namespaces)
  const slave = console && terminal && giveTerminal(console, terminal, spec)
  capabilities?.inside?.(spec)
  const path = prepare(spec)
  const command = clone(CLONE_PARENT, chain(orders, slave === undefined ? undefined : console?.takingTerminal(slave)), {
    unblocked: true,
  })
  say({ started: command.pid, path })
  exitNow(0)
} catch (error) {
  say({ error: toData(error) })
  exitNow(125)
}

/** Opens a terminal in the container and hands the master over to who started us. */
function giveTerminal(console: typeof import('#given/console.ts'), size: Size, spec: Spec): number {
  const { master, slave } = console.openTerminal(size)
  console.giveToUser(slave, spec)
  say({ console: master })
  readLine()
  closeSync(master)
  return slave
}

/**
 * What the command's process does. It waits for the path of the command: who should say it may have died, and then the
 * path is empty and nothing is executed. An execve(2) that fails tells errno, where this thread has it, and so its child.
 */
function chain({ detached, spec }: JoinOrders, takingTerminal: Call[] | undefined): Call[] {
  const path = new Uint8Array(PATH_MAX)
  const errno: number | bigint = libc.func('uintptr_t __errno_location()')()
  const session: Call[] = isatty(0) ? [] : [['setsid']] // with our terminal it stays in our session, or Ctrl-C would not reach it
  return [
    ...(detached ? [] : [['prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0] satisfies Call]),
    ...(takingTerminal ?? session),
    ['close_range', CHANNEL + 1, ALL, 0],
    ['read', CHANNEL, path, path.length],
    ['fcntl', CHANNEL, F_SETFD, FD_CLOEXEC],
    ['execve', path, spec.argv, variables(spec)],
    ['write', CHANNEL, errno, 4],
  ]
}
