/*
 * Runs one container as a command in the foreground: its exit code is ours, the signals that we get are passed on.
 *
 *     node run.ts '{"spec": …, "layers": […]}'
 *
 * With `report`, a descriptor, it writes the container's pid there as a line of JSON when the command has started.
 */
import { writeSync } from 'node:fs'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { ENGINE_ERROR, type Running, start } from './engine.ts'
import { exitCodeOf, explain } from './explain.ts'
import type { Spec } from './mechanism.ts'
import type { Layer } from './stack.ts'
import { setTask } from './tasks.ts'
import { traceTo } from './trace.ts'

export interface Order {
  spec: Spec
  layers: Layer[]
  verbose?: boolean
  task?: string | undefined
  report?: number
}

const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const

/** Runs a container and returns its exit code; an error of ours is printed to standard error, as 125, 126 or 127. */
export async function run({ spec, layers, verbose = false, task, report }: Order): Promise<number> {
  if (verbose) traceTo('engine')
  setTask(task)
  let running: Running | undefined
  const pending: NodeJS.Signals[] = []
  const forward = (signal: NodeJS.Signals) => (running ? pass(running, signal) : pending.push(signal))
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    running = await start(spec, layers, { verbose, task })
    if (report !== undefined) writeSync(report, `${JSON.stringify({ pid: running.container.pid })}\n`)
    for (const signal of pending) pass(running, signal)
    return await running.wait()
  } catch (error) {
    writeSync(2, `box: ${explain(error)}\n`)
    return exitCodeOf(error) || ENGINE_ERROR
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

let interrupts = 0

/** Hands a signal on. Under a terminal, Ctrl-C and Ctrl-\ have reached the command already: it is in our group. */
function pass(running: Running, signal: NodeJS.Signals): void {
  const fromKeyboard = signal === 'SIGINT' || signal === 'SIGQUIT' || signal === 'SIGWINCH'
  if (signal === 'SIGINT' && ++interrupts === 2) running.signal(constants.signals.SIGKILL)
  else if (!fromKeyboard || !isatty(0)) running.signal(constants.signals[signal])
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? '{}')
  process.exitCode = await run(order)
}
