/*
 * Runs one container as a command in the foreground: its exit code is ours, the signals that we get are passed on.
 *
 *     node run.ts '{"spec": …, "layers": […]}'
 *
 * With `report`, a descriptor, it writes the container's pid there as a line of JSON when the command has started.
 */

import { CleanupError, ENGINE_ERROR, type Running, start } from './engine.ts'
import { UsageError } from './errors.ts'
import { fstatSync, writeSync } from './fs.ts'
import { bind, isatty } from './libc.ts'
import type { Container, Spec } from './mechanism.ts'
import type { Layer } from './stack.ts'
import { traceTo } from './trace.ts'

export interface Order {
  spec: Spec
  layers: Layer[]
  verbose?: boolean
  task?: string | undefined
  report?: number
  /** The file of lesson 11, for a container with a terminal of its own: yours, or the reference. */
  tools?: string
}

// By number: node:os, which knows them all, takes a millisecond to load. They are the same on x86-64 and aarch64.
const FORWARDED = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGWINCH: 28,
}
type Forwarded = keyof typeof FORWARDED
const SIGNALS = Object.keys(FORWARDED) as Forwarded[]
const SIGKILL = 9

const exitNow = bind('int _exit(int status)')

/** Runs a container and returns its exit code; an error of ours is printed to standard error, as 125, 126 or 127. */
export async function run({ spec, layers, verbose = false, task, report, tools }: Order): Promise<number> {
  if (verbose) traceTo('engine')
  if (task) await (await import('./tasks.ts')).setTask(task)
  let entered: Container | undefined
  const passTo = passing()
  const terminal = isatty(0) ? await import('./terminal.ts') : undefined
  const foreground = !spec.terminal && terminal?.isInteractiveShell(spec.argv) === true && terminal.waitForForeground()
  const known = spec.mechanisms.includes('lab') ? undefined : await import('./running.ts') // a lab is no container of yours
  try {
    refuseFolders()
    await known?.sweep()
    const exists = (container: Container) => {
      known?.enter(container, layers)
      entered = container
    }
    const running = await start(spec, layers, { verbose, foreground, task, exists })
    if (report !== undefined) writeSync(report, `${JSON.stringify({ pid: running.container.pid })}\n`)
    passTo(running)
    if (running.console !== undefined) return await (await import('./relay.ts')).relay(running, tools)
    return await running.wait()
  } catch (error) {
    if (error instanceof CleanupError) entered = undefined // its file stays, and the next command tries again
    const { text, code } = await failure(error, spec)
    writeSync(2, `box: ${text}\n`)
    return code
  } finally {
    if (entered) known?.leave(entered)
    // Our own handlers stay: one Ctrl-C more, on the last metres, must not change the exit code.
    if (foreground) terminal?.toForeground()
  }
}

/**
 * A folder of the host that is open as a standard stream leads out of the container: openat(2) of what is above it.
 *
 * @throws {UsageError} where one is
 */
export function refuseFolders(): void {
  for (const [fd, name] of ['standard input', 'standard output', 'standard error'].entries()) {
    if (isFolder(fd))
      throw new UsageError(`${name} is a folder of the host, and a way out of the container: refused`, ENGINE_ERROR)
  }
}

function isFolder(fd: number): boolean {
  try {
    return fstatSync(fd).isDirectory()
  } catch {
    return false // closed
  }
}

/** What went wrong, in words, and the exit code for it. */
export async function failure(error: unknown, spec: Spec): Promise<{ text: string; code: number }> {
  const { exitCodeOf, explain } = await import('./explain.ts')
  const code = exitCodeOf(error) || ENGINE_ERROR
  const isOurs = code === ENGINE_ERROR && spec.mechanisms.includes('user')
  const off = isOurs && (await import('./user/switched-off.ts')).switchedOff()
  return { text: off ? `${explain(error)}\n  ${off}` : explain(error), code }
}

/** Takes signals from now on. The function that it returns says whom they are for, those too that came before. */
export function passing(): (running: Running) => void {
  let receiver: Running | undefined
  const pending: Forwarded[] = []
  const forward = (signal: Forwarded) => (receiver ? pass(receiver, signal) : pending.push(signal))
  for (const signal of SIGNALS) process.on(signal, forward)
  return (running) => {
    receiver = running
    for (const signal of pending) pass(running, signal)
  }
}

let interrupts = 0

/** Hands a signal on. Under a terminal, Ctrl-C and Ctrl-\ have reached the command already: it is in our group. */
function pass(running: Running, signal: Forwarded): void {
  const fromKeyboard = signal === 'SIGINT' || signal === 'SIGQUIT' || signal === 'SIGWINCH'
  if (signal === 'SIGINT' && ++interrupts === 2) running.signal(SIGKILL)
  else if (!fromKeyboard || !isatty(0)) running.signal(FORWARDED[signal])
}

/**
 * Waits until all that this process has printed is on its way. What does not fit into a pipe at once is kept by Node
 * until there is room, and quit() would lose it.
 */
export async function flushed(): Promise<void> {
  const { stdout } = process
  if (stdout.destroyed || stdout.writableLength === 0) return
  await new Promise<void>((resolve) => stdout.write('', () => resolve()))
}

/**
 * Ends this process here and now: _exit(2). Node would first take back its signal handlers, and one Ctrl-C more in that
 * moment would change the exit code.
 */
export function quit(code: number): never {
  process.getBuiltinModule('node:module').flushCompileCache()
  exitNow(code)
  throw new Error('_exit(2) returned')
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? '{}')
  quit(await run(order))
}
