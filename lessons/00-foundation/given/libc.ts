import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import { SyscallError } from './errors.ts'
import { syscallNumber } from './syscalls.ts'
import { nameOfErrno, trace } from './trace.ts'

export const koffi = loadKoffi()
export const libc = koffi.load('libc.so.6')

// The names that man pages use, as glibc has them on 64-bit machines.
for (const name of ['pid_t', 'key_t', 'mqd_t', 'clockid_t']) koffi.alias(name, 'int')
for (const name of ['uid_t', 'gid_t', 'mode_t', 'socklen_t']) koffi.alias(name, 'unsigned int')
for (const name of ['dev_t', 'ino_t']) koffi.alias(name, 'unsigned long')
for (const name of ['off_t', 'ssize_t']) koffi.alias(name, 'long')

/**
 * Loads koffi's binary from where npm puts it. koffi's own loader would find it too, but reads half of Node's binary on
 * the way: 6 ms, and a container pays for it twice.
 */
function loadKoffi(): typeof Koffi {
  const machine = process.arch
  const packages = new URL('../../../node_modules/', import.meta.url).pathname
  const module = { exports: {} as typeof Koffi }
  try {
    process.dlopen(module, `${packages}@koromix/koffi-linux-${machine}/linux_${machine}/koffi.node`)
    return module.exports
  } catch {
    return createRequire(import.meta.url)('koffi') // another libc, say: its loader knows more places
  }
}

/*
 * bind() reads the prototype twice. At run time koffi parses it to make the call; at compile time the types below
 * parse it too, so that a wrong argument is red in your editor before the kernel says EFAULT.
 */
type Trim<S extends string> = S extends ` ${infer T}` | `${infer T} ` ? Trim<T> : S
type Argument<P extends string> = P extends `const char *${string}` | `const char ${string}[${string}`
  ? string | null
  : P extends `${string}*${string}` | `${string}[${string}`
    ? ArrayBufferView | bigint | null
    : number | bigint
type Arguments<P extends string> =
  Trim<P> extends '' | 'void'
    ? []
    : P extends `${infer First},${infer Rest}`
      ? [Argument<Trim<First>>, ...Arguments<Rest>]
      : [Argument<Trim<P>>]
export type Bound<S extends string> = S extends `${string}(${infer P})${string}`
  ? (...args: Arguments<P>) => number
  : never

/**
 * Binds a C function of libc, or a system call that libc has no function for, by its prototype as the man page gives
 * it. Where the C function returns -1, the bound one throws.
 *
 * @throws {SyscallError} with errno's name, when the call fails
 * @see errno(3), syscall(2)
 */
export function bind<const S extends string>(prototype: S): Bound<S> {
  const { name, parameters } = parse(asC(prototype))
  const names = parameters.map((p) => p.match(/\w+$/)?.[0] ?? '')
  let native: ((...args: unknown[]) => number | bigint) | undefined

  const call = (...args: unknown[]): number => {
    native ??= find(name, asC(prototype), parameters) // at the first call: a container uses a few of many
    if (name === 'execve') trace?.(name, names, args) // now, since from a good one nobody comes back
    const result = Number(native(...args))
    const errno = result === -1 ? koffi.errno() : 0
    trace?.(name, names, args, result, errno)
    if (result === -1) throw new SyscallError(name, names, args, errno, strerror(errno))
    return result
  }
  return call as Bound<S>
}

/** Man pages end a prototype with a semicolon, and write `const char name[.len]` where C has `const char *name`. */
function asC(prototype: string): string {
  return prototype
    .trim()
    .replace(/;$/, '')
    .replace(/(\w+)\[[^\]]*\]/g, '*$1')
}

function parse(prototype: string): { name: string; parameters: string[] } {
  const match = prototype.match(/^.*?(\w+)\s*\(([^)]*)\)$/)
  if (!match?.[1]) throw new TypeError(`bind: not a C prototype: ${prototype}`)
  const parameters = match[2] === 'void' || !match[2] ? [] : match[2].split(',').map((p) => p.trim())
  return { name: match[1], parameters }
}

function find(name: string, prototype: string, parameters: string[]): (...args: unknown[]) => number | bigint {
  const number = syscallNumber(name)
  try {
    if (number === undefined) return libc.func(prototype)
    const syscall = libc.func(`long syscall(${['long number', ...parameters].join(', ')})`)
    return (...args) => syscall(number, ...args)
  } catch (error) {
    throw new TypeError(`bind: ${(error as Error).message}: ${prototype}`)
  }
}

/** What an errno means, in libc's words: strerror(3). */
export function strerror(errno: number): string {
  const words: string = libc.func('const char *strerror(int errnum)')(errno)
  return words.charAt(0).toLowerCase() + words.slice(1)
}

export { nameOfErrno, SyscallError }

// ── The calls of this workshop ───────────────────────────────────────────────────────────────────────────────────

const sethostnameC = bind('int sethostname(const char *name, size_t len)')

/** Gives the UTS namespace a host name. The length that sethostname(2) wants counts bytes, not characters. */
export const sethostname = (name: string): number => sethostnameC(name, Buffer.byteLength(name))

/** mount(2). `data` is the file system's own option string, such as `size=64m` for a tmpfs. */
export const mount = bind(
  'int mount(const char *source, const char *target, const char *filesystemtype, unsigned long mountflags, const char *data)',
)
/** umount2(2), with MNT_DETACH for a mount that is still in use. */
export const umount2 = bind('int umount2(const char *target, int flags)')
/** pivot_root(2): swaps the root of this mount namespace. libc has no function for it. */
export const pivotRoot = bind('int pivot_root(const char *new_root, const char *put_old)')
/** chroot(2). It moves the root and leaves the working directory where it is. */
export const chroot = bind('int chroot(const char *path)')
/** unshare(2), for the calling thread. */
export const unshare = bind('int unshare(int flags)')
/** setns(2), for the calling thread. */
export const setns = bind('int setns(int fd, int nstype)')
/** prctl(2). What the four numbers mean depends on the first. */
export const prctl = bind(
  'int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)',
)
/** kill(2). */
export const kill = bind('int kill(pid_t pid, int sig)')
/** pidfd_open(2): a descriptor for a process, and for no later one with its number. */
export const pidfdOpen = bind('int pidfd_open(pid_t pid, unsigned int flags)')
/** pidfd_send_signal(2). */
export const pidfdSendSignal = bind('int pidfd_send_signal(int pidfd, int sig, void *info, unsigned int flags)')
/** mkdir(2). */
export const mkdir = bind('int mkdir(const char *pathname, mode_t mode)')
/** mknod(2): makes a device node, for one who has CAP_MKNOD. */
export const mknod = bind('int mknod(const char *pathname, mode_t mode, dev_t dev)')
/** mkfifo(3): makes a pipe with a name. */
export const mkfifo = bind('int mkfifo(const char *pathname, mode_t mode)')
/** symlink(2): note the order, what it points to comes first. */
export const symlink = bind('int symlink(const char *target, const char *linkpath)')

const isattyC = bind('int isatty(int fd)')

/** Is this descriptor a terminal? isatty(3). Node's own comes with node:net, which a container does not need. */
export const isatty = (fd: number): boolean => isattyC(fd) === 1

const waitpidC = bind('pid_t waitpid(pid_t pid, int *wstatus, int options)')

/**
 * waitpid(2). `pid` -1 means any child. With WNOHANG it returns undefined when no child has ended yet.
 *
 * @throws {SyscallError} ECHILD when there is no such child
 */
export function waitpid(pid: number, options = 0): { pid: number; status: number } | undefined {
  const status = new Int32Array(1)
  const ended = waitpidC(pid, status, options)
  return ended === 0 ? undefined : { pid: ended, status: status[0] ?? 0 }
}

/**
 * A wait status as one number, as shells and Docker give it: the exit code, or 128 plus the signal that killed it.
 *
 * @see waitpid(2), the macros WIFEXITED to WTERMSIG
 */
export function exitCode(status: number): number {
  const signal = status & 0x7f
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal
}

// Numbers from the kernel's headers. They are the same on x86-64 and aarch64.
/** unshare(2): a root and a working directory of this thread's own, which it shared with the others. */
export const CLONE_FS = 0x200
/** clone(2): the child's parent is ours, who may outlive us. */
export const CLONE_PARENT = 0x8000
export const CLONE_NEWTIME = 0x80
export const CLONE_NEWNS = 0x00020000
export const CLONE_NEWCGROUP = 0x02000000
export const CLONE_NEWUTS = 0x04000000
export const CLONE_NEWIPC = 0x08000000
export const CLONE_NEWUSER = 0x10000000
export const CLONE_NEWPID = 0x20000000
export const CLONE_NEWNET = 0x40000000

export const MS_RDONLY = 0x1
export const MS_NOSUID = 0x2
export const MS_NODEV = 0x4
export const MS_NOEXEC = 0x8
export const MS_REMOUNT = 0x20
export const MS_BIND = 0x1000
export const MS_MOVE = 0x2000
export const MS_REC = 0x4000
export const MS_PRIVATE = 0x40000
export const MS_SLAVE = 0x80000
export const MS_SHARED = 0x100000
export const MS_STRICTATIME = 0x1000000
export const MNT_DETACH = 0x2

export const PR_SET_PDEATHSIG = 1
export const PR_SET_DUMPABLE = 4
export const PR_SET_KEEPCAPS = 8
export const PR_CAPBSET_READ = 23
export const PR_CAPBSET_DROP = 24
export const PR_SET_CHILD_SUBREAPER = 36
export const PR_SET_NO_NEW_PRIVS = 38
export const PR_CAP_AMBIENT = 47
export const PR_CAP_AMBIENT_RAISE = 2

export const WNOHANG = 1
