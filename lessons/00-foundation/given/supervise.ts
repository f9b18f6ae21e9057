import { closeSync } from 'node:fs'
import { notExecutable, prepare } from './exec.ts'
import type { Spec } from './mechanism.ts'

/** What an init does, and what lesson 02 writes. */
export interface Init {
  /** Waits for each child that has ended, and returns their exit codes by pid. */
  reap(): Map<number, number>
  /** Passes the signals that this process gets on to `pid`. */
  forward(pid: number): void
}

/**
 * `--init`: stays pid 1, starts the command as pid 2, forwards signals, reaps orphans, and ends when the command does.
 * It gives out the command's exit code; 128 plus the number where a signal ended it.
 *
 * @param channel is closed when the command has started
 * @param fail is called when it could not be started
 */
export function supervise(spec: Spec, init: Init, channel: number, fail: (error: unknown) => void): void {
  const path = prepare(spec)
  // Loaded only here, since the other containers need not pay for it; built in, so the new root does not matter.
  const { spawn } = process.getBuiltinModule('node:child_process')
  const command = spawn(path, spec.argv.slice(1), { argv0: spec.argv[0], env: spec.env, stdio: 'inherit' })
  const pid = command.pid
  if (pid === undefined) {
    command.on('error', (error) => fail(notExecutable(path, error)))
    return
  }
  closeSync(channel)
  init.forward(pid)
  // Whoever waits first gets the status: Node for its own child, or `reap` for any.
  command.on('exit', (code, signal) => process.exit(code ?? 128 + signalNumber(signal)))
  process.on('SIGCHLD', () => {
    const code = init.reap().get(pid)
    if (code !== undefined) process.exit(code)
  })
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal ? process.getBuiltinModule('node:os').constants.signals[signal] : 0
}
