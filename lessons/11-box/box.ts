import { closeSync, openSync } from '#given/fs.ts'
import { CLONE_FS, setns, unshare } from '#given/libc.ts'
import { notWritten } from '#given/mechanism.ts'
import { ioctl } from '#given/net/ioctl.ts'

const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414

/**
 * Makes this thread a member of a process's namespaces: setns(2). `namespaces` are names as in /proc/<pid>/ns, in the
 * order in which to enter them. The pid namespace is that of its children only: this process keeps its number.
 */
export function join(pid: number, namespaces: string[]): void {
  if (namespaces.includes('mnt')) ownRoot()
  notWritten('11.1 setns(2)', join, pid, namespaces)
}

/** Gives this thread a root and a working directory that it shares with none of Node's other threads. */
export function ownRoot(): void {
  notWritten('11.2 unshare(2)', ownRoot)
}

/** Makes a terminal as large as another: struct winsize, ioctl_tty(2). */
export function consoleSize(from: number, to: number): void {
  notWritten('11.3 ioctl_tty(2)', consoleSize, from, to)
}
