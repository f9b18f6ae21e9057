/*
 * Who gets what is typed: the terminal's foreground process group, and Ctrl-C goes to all of it. Most commands stay in
 * the group of whoever started them, us included: that is how we count Ctrl-C. An interactive shell wants a group of
 * its own, and asks at the end for the one that it found, which it could not name if that lay outside of its pid
 * namespace. See tcsetpgrp(3) and credentials(7).
 */
import { bind } from './libc.ts'
import { undisturbed } from './undisturbed.ts'

const setpgid = bind('int setpgid(pid_t pid, pid_t pgid)')
const getpgrp = bind('pid_t getpgrp(void)')
const tcgetpgrp = bind('pid_t tcgetpgrp(int fd)')
const tcsetpgrp = bind('int tcsetpgrp(int fd, pid_t pgrp)')

const SHELLS = ['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh']

/** Is this a shell that will prompt: no script, no -c? */
export function isInteractiveShell([name = '', ...args]: string[]): boolean {
  return SHELLS.includes(name.replace(/.*\//, '')) && args.every((arg) => /^-(?!\w*c)/.test(arg))
}

/**
 * Stops, as a shell does that was started with `&`, until somebody brings us to the foreground: `fg`. A shell in a pid
 * namespace cannot see that it is in the background, and would take the terminal from whoever is typing.
 *
 * @returns whether we are in the foreground now
 */
export function waitForForeground(): boolean {
  const isOurs = () => tcgetpgrp(0) === getpgrp()
  for (let tries = 0; tries < 3 && !isOurs(); tries++) process.kill(0, 'SIGTTIN') // more is in vain: nobody can say fg
  return isOurs()
}

/** Makes this process, or a child before its execve(2), the leader of a group, and that one the terminal's foreground. */
export function leadForeground(pid = 0): void {
  setpgid(pid, 0)
  toForeground(pid || getpgrp())
}

/** Makes a group, unless told otherwise the one that this process is in, the terminal's foreground. */
export function toForeground(group = getpgrp()): void {
  try {
    // Who asks for this from the background is stopped by SIGTTOU, unless it is blocked.
    undisturbed(() => tcsetpgrp(0, group))
  } catch (error) {
    // ESRCH: our group lies outside of our pid namespace. Whoever is outside does it then.
    if ((error as { code?: string }).code !== 'ESRCH') throw error
  }
}
