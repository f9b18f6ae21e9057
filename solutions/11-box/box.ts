import { closeSync, openSync } from '#given/fs.ts'
import { CLONE_FS, setns, unshare } from '#given/libc.ts'
import { ioctl } from '#given/net/ioctl.ts'

const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414

/**
 * Makes this thread a member of a process's namespaces: setns(2). `namespaces` are names as in /proc/<pid>/ns, in the
 * order in which to enter them. The pid namespace is that of its children only: this process keeps its number.
 */
export function join(pid: number, namespaces: string[]): void {
  if (namespaces.includes('mnt')) ownRoot()
  const files = namespaces.map((name) => openSync(`/proc/${pid}/ns/${name}`, 'r')) // all first: later /proc is another
  for (const file of files) setns(file, 0)
  for (const file of files) closeSync(file)
}

/** Gives this thread a root and a working directory that it shares with none of Node's other threads. */
export function ownRoot(): void {
  unshare(CLONE_FS) // else setns(2) would move theirs, too: EINVAL
}

/** Makes a terminal as large as another: struct winsize, ioctl_tty(2). */
export function consoleSize(from: number, to: number): void {
  const winsize = new Uint16Array(4) // rows, columns, and both in pixels
  ioctl(from, TIOCGWINSZ, winsize)
  ioctl(to, TIOCSWINSZ, winsize)
}
