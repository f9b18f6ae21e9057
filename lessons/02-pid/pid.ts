import { constants } from 'node:os'
import { CLONE_NEWPID, exitCode, kill, WNOHANG, waitpid } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'
import { status } from '#given/proc.ts'

/** Process numbers of its own, beginning with 1: pid_namespaces(7). */
export const pid: Mechanism = {
  name: 'pid',
  flags: 0, // 02.1
}

/** The numbers of one process: in this pid namespace, then in each one below it, down to its own. */
export function pidsOf(hostPid: number): number[] {
  return notWritten('02.2 NSpid in /proc/<pid>/status', pidsOf, hostPid)
}

/** Waits for each child that has ended, and returns their exit codes by pid. Never waits for one that runs. */
export function reap(): Map<number, number> {
  return notWritten('02.3 waitpid(2)', reap)
}

/** Passes the signals that pid 1 gets on to a child. */
export function forward(child: number): void {
  notWritten('02.4 kill(2)', forward, child)
}

/** What one sends to a container. SIGKILL and SIGSTOP are not here: nobody can catch them, to pass them on. */
const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const
