import { closeSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { spawnCommand } from './exec.ts'
import { exitCodeOf, explain } from './explain.ts'
import { PR_SET_DUMPABLE, prctl } from './libc.ts'
import type { Spec } from './mechanism.ts'

/** What an init does, and what lesson 02 writes. */
export interface Init {
  /** Waits for each child that has ended, and returns their exit codes by pid. */
  reap(): Map<number, number>
  /** Passes the signals that this process gets on to `pid`. */
  forward(pid: number): void
}

const FOREVER = 2 ** 31 - 1

/**
 * `--init`: stays pid 1, starts the command as its child, forwards signals, reaps orphans, and ends when the command does.
 * It gives out the command's exit code; 128 plus the number where a signal ended it.
 *
 * @param channel is closed when the command has started
 * @throws {CommandError} where it cannot be started
 */
export function supervise(spec: Spec, init: Init, channel: number): void {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) // or /proc/1/exe would lead the container to the host's Node: runc, CVE-2019-5736
  const command = spawnCommand(spec)
  const reap = () => {
    const code = init.reap().get(command)
    if (code !== undefined) process.exit(code)
  }
  init.forward(command)
  // A terminal has sent these to the command already: it is in the foreground group, as we are.
  if (isatty(0)) for (const key of ['SIGINT', 'SIGQUIT', 'SIGWINCH']) process.removeAllListeners(key)
  process.on('SIGCHLD', reap)
  reap() // who ended before we listened
  closeSync(channel)
  process.on('uncaughtException', (error) => {
    writeSync(2, `box: ${explain(error)}\n`)
    process.exit(exitCodeOf(error))
  })
  setInterval(() => {}, FOREVER) // a signal handler alone does not keep Node running
}
