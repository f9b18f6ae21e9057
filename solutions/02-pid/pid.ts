import { constants } from 'node:os'
import { CLONE_NEWPID, exitCode, kill, WNOHANG, waitpid } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'
import { status } from '#given/proc.ts'

/** Process numbers of its own, beginning with 1: pid_namespaces(7). */
export const pid: Mechanism = {
  name: 'pid',
  flags: CLONE_NEWPID,
}

/** The numbers of one process: in this pid namespace, then in each one below it, down to its own. */
export function pidsOf(hostPid: number): number[] {
  return status(hostPid, 'NSpid')?.split('\t').map(Number) ?? []
}

/** Waits for each child that has ended, and returns their exit codes by pid. Never waits for one that runs. */
export function reap(): Map<number, number> {
  const codes = new Map<number, number>()
  try {
    for (let ended = waitpid(-1, WNOHANG); ended; ended = waitpid(-1, WNOHANG)) {
      codes.set(ended.pid, exitCode(ended.status))
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ECHILD') throw error // ECHILD: no child is left
  }
  return codes
}

/** Passes the signals that pid 1 gets on to a child. */
export function forward(child: number): void {
  for (const name of FORWARDED) process.on(name, () => kill(child, constants.signals[name]))
}

/** What one sends to a container. SIGKILL and SIGSTOP are not here: nobody can catch them, to pass them on. */
const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const
