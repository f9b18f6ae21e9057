/*
 * The engine: makes a process into a container, with whatever mechanisms it is given.
 *
 *     parent                                    child
 *     clone, all flags in one call      ──▶     waits, not yet JavaScript
 *     user's `outside`: the maps
 *     "go"                              ──▶     `early`: becomes root where there are maps
 *     `outside` of the other namespaces         becomes the init (init.ts), a second Node
 *                                       ◀──     "ready"
 *     `outside` of what is no namespace
 *     the spec                          ──▶     every `inside`, in the order of stack.ts
 *                                       ◀──     "starting", then end of file: it has become the command
 *     waits for the end, `cleanup`
 *
 * Two sync points, and both are needed. The maps must be there before the first execve, or the child loses its
 * capabilities with it. The cgroup must come after the init's boot, or Node itself would count against the limits. The
 * other namespaces are there since clone, so what they need from outside is done while the init boots.
 */

import { CHANNEL, ContainerError, channel, expect, readable, reader, tell } from './channel.ts'
import type { Call, Child } from './clone.ts'
import { clone } from './clone.ts'
import { closeSync } from './fs.ts'
import type { Orders } from './init.ts'
import { bind, CLONE_NEWUSER, CLONE_PARENT, exitCode, PR_SET_PDEATHSIG, pidfdSendSignal, waitpid } from './libc.ts'
import type { Container, Mechanism, Spec } from './mechanism.ts'
import { INSIDE_ONLY, type Layer, load } from './stack.ts'

/** The exit code for an error of the engine's own, as Docker's. */
export const ENGINE_ERROR = 125
export { ContainerError }

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOUNT_ATTR_RDONLY = 1
const F_SETFD = 2
const ALL = 0xffffffff
const SIGKILL = 9

const pidfdGetfd = bind('int pidfd_getfd(int pidfd, int targetfd, unsigned int flags)')

export interface Options {
  /** Print every call that the init makes. */
  verbose?: boolean
  /** The command is to lead the terminal's foreground: terminal.ts. */
  foreground?: boolean
  /** Its parent is to be ours, who waits for it: we end before it does. Lesson 11. */
  sibling?: boolean
  /** The task that a check is about: tasks.ts. */
  task?: string | undefined
  /** Called when its first process exists, before anything is made for it outside. */
  exists?: ((container: Container) => void) | undefined
}

/** A `cleanup` failed: something of the container is still there. */
export class CleanupError extends AggregateError {
  override name = 'CleanupError'
}

/** A container that has been started. */
export class Running {
  readonly container: Container
  readonly #ended: Promise<number>
  readonly #mechanisms: Mechanism[]
  #pidfd: number | undefined
  /** Our end of its terminal, where it has one: console.ts. */
  console: number | undefined

  constructor(container: Container, pidfd: number, mechanisms: Mechanism[]) {
    this.container = container
    this.#mechanisms = mechanisms
    this.#pidfd = pidfd
    this.#ended = this.#end(pidfd).finally(() => undoAll(mechanisms, container))
  }

  /** The exit code, once the pidfd says that the process has ended. Our event loop goes on meanwhile. */
  async #end(pidfd: number): Promise<number> {
    await readable(pidfd)
    this.#pidfd = undefined // a later descriptor may get its number, and then a signal would hit another
    closeSync(pidfd)
    try {
      return exitCode(waitpid(this.container.pid)?.status ?? 0)
    } catch (error) {
      if ((error as { code?: string }).code === 'ECHILD') return 0 // a sibling: its code is for our parent
      throw error
    }
  }

  /** Takes a descriptor of its first process: pidfd_getfd(2). */
  take(fd: number): number {
    return pidfdGetfd(this.#pidfd ?? -1, fd, 0)
  }

  /** Sends a signal to its first process. One that has ended already is no error. */
  signal(number: number): void {
    if (this.#pidfd === undefined) return
    if (number === SIGKILL) for (const m of this.#mechanisms) m.beforeKill?.(this.container)
    try {
      pidfdSendSignal(this.#pidfd, number, null, 0)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ESRCH') throw error
    }
  }

  /** The command's exit code, or 128 plus the signal that ended it. */
  wait(): Promise<number> {
    return this.#ended
  }
}

/**
 * Starts a container and returns once its command has taken over.
 *
 * @throws {ContainerError} when a mechanism's `inside` failed, or the command could not be started (126, 127)
 * @throws {SyscallError} from clone(2), and whatever an `outside` throws; the container is gone then
 */
export async function start(spec: Spec, layers: Layer[], options: Options = {}): Promise<Running> {
  const mechanisms = await Promise.all(layers.filter(({ name }) => name !== INSIDE_ONLY).map(load))
  const flags = mechanisms.reduce((all, mechanism) => all | mechanism.flags, 0)
  const [ours, theirs] = channel()
  let child: Child
  try {
    child = clone(flags | (options.sibling ? CLONE_PARENT : 0), chain(mechanisms, theirs))
  } catch (error) {
    closeSync(ours)
    throw error
  } finally {
    closeSync(theirs)
  }
  const container: Container = { id: spec.id, pid: child.pid, spec }
  const running = new Running(container, child.pidfd, mechanisms)
  try {
    options.exists?.(container)
    for (const m of mechanisms) if (m.flags & CLONE_NEWUSER) m.outside?.(container)
    const messages = reader(ours)
    tell(ours, 'go')
    const { verbose = false, foreground = false, task } = options
    const terminal = spec.terminal !== undefined
    tell(ours, JSON.stringify({ layers, init: spec.init, verbose, foreground, terminal, task } satisfies Orders))
    for (const m of mechanisms) if (m.flags & ~CLONE_NEWUSER) m.outside?.(container) // while the init boots
    for (const m of mechanisms) m.meanwhile?.(container)
    expect(await messages.next(), 'was ready')
    for (const m of mechanisms) if (m.flags === 0) m.outside?.(container)
    tell(ours, JSON.stringify(spec))
    if (terminal) {
      const { console } = expect(await messages.next(), 'had its terminal')
      running.console = running.take(console as number)
      tell(ours, 'taken')
    }
    expect(await messages.next(), 'came to its command. Does an `inside` end the process?')
    const failed = await messages.next()
    if (failed) throw new ContainerError(JSON.parse(failed).error)
    return running
  } catch (error) {
    running.signal(SIGKILL)
    await running.wait()
    throw error
  } finally {
    closeSync(ours)
  }
}

/** It lives for 20 ms: with room for young objects, V8 collects no garbage in that time. */
export const INIT_OPTIONS = ['--no-warnings', '--min-semi-space-size=16']

/** What the child does between clone(2) and its first execve(2). It cannot branch: clone.ts. */
function chain(mechanisms: Mechanism[], channel: number): Call[] {
  const init = new URL('init.ts', import.meta.url).pathname
  return [
    ...[0, 1, 2].map((fd): Call => ['fcntl', fd, F_SETFD, 0]), // Node closes them on exec
    ['dup2', channel, CHANNEL],
    ['close_range', CHANNEL + 1, ALL, 0], // our end of the channel among them, so that the read below ends if we died
    ['read', CHANNEL, new Uint8Array('go\n'.length), 'go\n'.length],
    ...mechanisms.flatMap((mechanism) => mechanism.early?.() ?? []),
    // Dies with us, however we die. A change of user clears it, so it comes after that; before, the read has an end.
    ['prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    ...becomeNode([...INIT_OPTIONS, init], initEnvironment()),
  ]
}

/**
 * The last calls of a chain: Node, from a mount that is read-only. A container can come by the program of its first
 * process, by `#!/proc/self/exe` in the place of its command: then it must not be able to write to it. runc's
 * CVE-2019-5736. open_tree(2) gives the lowest descriptor that is free, the one after the channel; where it or
 * mount_setattr(2) cannot be had, the plain execve(2) follows.
 */
export function becomeNode(args: string[], env: string[]): Call[] {
  const node = process.execPath
  const readOnly = new Uint8Array(BigUint64Array.of(BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, 0n).buffer)
  return [
    ['open_tree', AT_FDCWD, node, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC],
    ['mount_setattr', CHANNEL + 1, '', AT_EMPTY_PATH, readOnly, readOnly.length],
    ['execveat', CHANNEL + 1, '', [node, ...args], env, AT_EMPTY_PATH],
    ['execve', node, [node, ...args], env],
  ]
}

/** The init is ours, not the user's: no NODE_OPTIONS, no LD_PRELOAD. The command's environment is in the spec. */
export function initEnvironment(): string[] {
  const { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: portable } = process.env
  return [
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    ...(cache ? [`NODE_COMPILE_CACHE=${cache}`] : []),
    ...(portable ? [`NODE_COMPILE_CACHE_PORTABLE=${portable}`] : []),
  ]
}

/** Undoes every `outside`, last first. One that fails must not keep the others from theirs. */
function undoAll(mechanisms: Mechanism[], container: Container): void {
  const failures: unknown[] = []
  for (const mechanism of mechanisms.toReversed()) {
    try {
      mechanism.cleanup?.(container)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length === 0) return
  const reasons = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)))
  throw new CleanupError(failures, `the cleanup of container ${container.id} failed: ${reasons.join('; ')}`)
}
