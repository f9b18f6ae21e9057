/*
 * A terminal of the container's own: a pair of ends, pty(7). What one writes to the master the other reads from the
 * slave, and the kernel's line discipline lies between them: it echoes, edits lines, and makes SIGINT of Ctrl-C.
 *
 * The pair is opened in the container, from its own devpts, so that `tty` finds it there. The master goes to who
 * started the container; the slave becomes descriptors 0 to 2 and the controlling terminal of a new session.
 */
import { userOf } from './capabilities/users.ts'
import type { Call } from './clone.ts'
import { UsageError } from './errors.ts'
import { closeSync, fstatSync } from './fs.ts'
import { bind, MS_BIND, mount } from './libc.ts'
import type { Spec } from './mechanism.ts'
import { mountPoint } from './target.ts'

/** Of a terminal, in characters. */
export interface Size {
  rows: number
  columns: number
}

const AT_FDCWD = -100
const O_RDWR = 2
const O_NOCTTY = 0o400
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_SYMLINKS = 0x04
const DEVPTS_SUPER_MAGIC = 0x1cd1
const PTMX = (5 << 8) | 2 // makedev(5, 2)
// ioctl_tty(2); the same on x86-64 and aarch64.
const TIOCSCTTY = 0x540e
const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414
const TIOCGPTPEER = 0x5441
const TIOCSPTLCK = 0x40045431

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const ioctl = bind('int ioctl(int fd, unsigned long op, void *argp)')
const ioctlNumber = bind('int ioctl(int fd, unsigned long op, unsigned long arg)')
const setsid = bind('pid_t setsid(void)')
const dup2 = bind('int dup2(int oldfd, int newfd)')
const fstatfs = bind('int fstatfs(int fd, void *buf)')
const fchown = bind('int fchown(int fd, uid_t owner, gid_t group)')

/**
 * Opens a new terminal in the root that this process has. The slave is opened by the master, not by its path: where a
 * container runs already, its root may have put something else there.
 *
 * @throws {SyscallError} ENOENT without a /dev/pts, ENOSPC beyond its limit of terminals
 * @throws {UsageError} where /dev/pts/ptmx is not what it should be
 * @see pty(7), ioctl_tty(2), TIOCGPTPEER
 */
export function openTerminal(size: Size): { master: number; slave: number } {
  const how = BigUint64Array.of(BigInt(O_RDWR | O_NOCTTY | O_CLOEXEC), 0n, BigInt(RESOLVE_NO_SYMLINKS))
  const master = openat2(AT_FDCWD, '/dev/pts/ptmx', how, how.byteLength)
  if (fstatSync(master).rdev !== PTMX || fileSystem(master) !== DEVPTS_SUPER_MAGIC)
    throw new UsageError('/dev/pts/ptmx in the container is no ptmx of a devpts; refused', 125)
  ioctl(master, TIOCSPTLCK, Int32Array.of(0)) // unlockpt(3)
  const slave = ioctlNumber(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)
  setSize(slave, size)
  return { master, slave }
}

/** The type of the file system that a descriptor's file is on. Not by /proc/self, which who has joined a container has not. */
function fileSystem(fd: number): number {
  const statfs = new BigInt64Array(16) // struct statfs is 120 bytes, and begins with f_type
  fstatfs(fd, statfs)
  return Number(statfs[0])
}

/** Makes the slave this process's controlling terminal, its standard streams, and the container's /dev/console. */
export function takeTerminal(slave: number, spec: Spec): void {
  giveToUser(slave, spec)
  mountPoint('/', '/dev/console', 'file', (target) => mount(`/proc/self/fd/${slave}`, target, null, MS_BIND, null))
  setsid()
  ioctlNumber(slave, TIOCSCTTY, 0)
  for (const fd of [0, 1, 2]) dup2(slave, fd)
  closeSync(slave)
}

/** The same, but for /dev/console, for a process that runs no JavaScript: clone.ts. */
export function takingTerminal(slave: number): Call[] {
  return [['setsid'], ['ioctl', slave, TIOCSCTTY, 0], ...[0, 1, 2].map((fd): Call => ['dup2', slave, fd])]
}

/** A command that is not root could not open its own terminal else, /dev/tty and all. */
export function giveToUser(slave: number, spec: Spec): void {
  const user = userOf(spec)
  if (user) fchown(slave, user.uid, fstatSync(slave).gid)
}

/** The size of a terminal; undefined for what is none. */
export function sizeOf(fd: number): Size | undefined {
  const winsize = new Uint16Array(4)
  try {
    ioctl(fd, TIOCGWINSZ, winsize)
  } catch {
    return undefined // ENOTTY
  }
  const [rows = 0, columns = 0] = winsize
  return { rows, columns }
}

function setSize(fd: number, { rows, columns }: Size): void {
  ioctl(fd, TIOCSWINSZ, Uint16Array.of(rows, columns, 0, 0))
}
