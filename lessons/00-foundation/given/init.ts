/*
 * The init: what the child becomes first. It runs every `inside` and then replaces itself by the command. It is a Node
 * of its own, since nothing of the parent's JavaScript survives in a child (clone.ts).
 *
 * It must not run under tsx, whose helper process would stay in the container.
 */

import { flushCompileCache } from 'node:module'
import { CHANNEL, readLine, say } from './channel.ts'
import { toData } from './errors.ts'
import { becomeCommand, CommandError, closeOnExec } from './exec.ts'
import type { Spec } from './mechanism.ts'
import { INSIDE_ONLY, importFile, type Layer, layer, load } from './stack.ts'
import { traceTo } from './trace.ts'

/** What the parent sends first. */
export interface Orders {
  layers: Layer[]
  init: boolean
  verbose: boolean
  task?: string | undefined
  /** Lead the terminal's foreground: terminal.ts. */
  foreground: boolean
  /** A terminal of its own: console.ts. */
  terminal: boolean
}

try {
  const { layers, init, verbose, task, foreground, terminal: own }: Orders = JSON.parse(readLine())
  if (verbose) traceTo('init')
  closeOnExec(CHANNEL)
  if (task) await (await import('./tasks.ts')).setTask(task)
  // All is loaded now; after `inside` the files are out of reach, or not the host's.
  const mechanisms = []
  for (const one of layers) mechanisms.push(await load(one))
  const supervise = init ? await loadSupervisor(layers) : undefined
  const console = own ? await import('./console.ts') : undefined
  const terminal = foreground ? await import('./terminal.ts') : undefined
  flushCompileCache() // a process that ends in execve never comes to it
  say({ ready: true })
  const spec: Spec = JSON.parse(readLine())
  for (const mechanism of mechanisms) {
    if (mechanism.name === INSIDE_ONLY) giveTerminal(console, spec) // which takes what the last one takes away
    mechanism.inside?.(spec)
  }
  if (mechanisms.at(-1)?.name !== INSIDE_ONLY) giveTerminal(console, spec)
  say({ starting: true })
  terminal?.leadForeground()
  if (supervise) supervise(spec)
  else becomeCommand(spec)
} catch (error) {
  fail(error)
}

/** `reap` and `forward` are lesson 02's; without its mechanism, the reference's. */
async function loadSupervisor(layers: Layer[]): Promise<(spec: Spec) => void> {
  const { supervise } = await import('./supervise.ts')
  const { reap, forward } = await importFile(
    (layers.find(({ name }) => name === 'pid') ?? layer('pid', 'solutions')).file,
  )
  const parts = { reap, forward } as Parameters<typeof supervise>[1]
  return (spec) => supervise(spec, parts, CHANNEL)
}

/** Makes a terminal its own, once the parent has taken the other end. */
function giveTerminal(console: typeof import('./console.ts') | undefined, spec: Spec): void {
  if (!console || !spec.terminal) return
  const { master, slave } = console.openTerminal(spec.terminal)
  say({ console: master })
  readLine()
  console.takeTerminal(slave, spec)
}

function fail(error: unknown): never {
  say({ error: toData(error) })
  process.exit(error instanceof CommandError ? error.exitCode : 125)
}
