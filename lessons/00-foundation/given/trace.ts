/*
 * What `npm run box -- run --verbose` prints: the calls that make the container, in order, as strace(1) would write
 * them. Numbers that have a name are spelled out, since 0x44000 teaches nobody anything. Not among them is what Node
 * does for itself: its memory, its threads, its own files.
 */

import { writeSync } from './fs.ts'

/** `result` is undefined for a call of which nobody sees the result, such as execve(2). */
type Tracer = (name: string, names: string[], args: unknown[], result?: number, errno?: number, who?: string) => void

/** Called by bind() after each call, where somebody asked for it. */
export let trace: Tracer | undefined

/** Prints each call from now on, to standard error, with who made it: engine, child or init. */
export function traceTo(me: string): void {
  const { createRequire } = process.getBuiltinModule('node:module') // now: in a container the file is out of reach
  capabilities = createRequire(import.meta.url)('./capabilities/names.ts').CAPABILITIES
  trace = (name, names, args, result, errno = 0, who = me) => {
    const outcome = result === undefined ? '' : result === -1 ? ` = -1 ${nameOfErrno(errno)}` : ` = ${result}`
    writeSync(2, `${who.padEnd(7)} ${formatCall(name, names, args)}${outcome}\n`)
  }
  const chdir = process.chdir
  process.chdir = (folder) => {
    chdir(folder)
    trace?.('chdir', ['path'], [folder], 0)
  }
}

let capabilities: string[] = []
let errnoNames: Map<number, string> | undefined
const EAGAIN = 11

/** The name of an errno, such as EPERM for 1: errno(3). */
export function nameOfErrno(errno: number): string {
  // Loaded when something fails, and not before: a container that starts well need not pay for it.
  errnoNames ??= new Map(
    Object.entries(process.getBuiltinModule('node:os').constants.errno).map(([name, n]) => [n, name]),
  ).set(EAGAIN, 'EAGAIN') // and not EWOULDBLOCK: one number, and this is the name in man pages
  return errnoNames.get(errno) ?? `errno ${errno}`
}

/** A call as C would write it: `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)`. */
export function formatCall(name: string, names: string[], args: unknown[]): string {
  const known = names.length > 0 ? names : (PARAMETERS[name] ?? [])
  return `${name}(${args.map((value, i) => formatArgument(`${name}.${known[i]}`, value, args)).join(', ')})`
}

function formatArgument(parameter: string, value: unknown, args: unknown[]): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string')
    return value.length > LONG ? `${JSON.stringify(value.slice(0, LONG))}…` : JSON.stringify(value)
  if (typeof value === 'object') return formatMemory(parameter, value)
  if (parameter.endsWith('.mode')) return octal(value)
  const number = Number(value)
  if (parameter === 'prctl.arg2' && Number(args[0]) === PR_SET_PDEATHSIG) return nameOf(SIGNALS, number)
  if (parameter === 'prctl.arg2' && TAKE_CAPABILITY.includes(Number(args[0])) && number in capabilities)
    return `CAP_${capabilities[number]}`
  const one = ONE_OF[parameter]
  if (one) return nameOf(one, number)
  const flags = FLAGS[parameter]
  return flags ? formatFlags(flags, number) : String(value)
}

const LONG = 120
const PR_SET_PDEATHSIG = 1
const TAKE_CAPABILITY = [23, 24] // PR_CAPBSET_READ, PR_CAPBSET_DROP

/** What a pointer points to: strings, a struct of 64-bit numbers, or so many bytes. */
function formatMemory(parameter: string, value: object): string {
  const strings = Array.isArray(value) ? value : 'strings' in value ? value.strings : undefined
  if (Array.isArray(strings))
    return parameter.endsWith('.envp') ? `[${strings.length} variables]` : JSON.stringify(strings)
  const struct = STRUCTS[parameter]
  if (struct && value instanceof BigUint64Array) {
    const field = (i: number, flags?: Record<string, number>) =>
      flags ? formatFlags(flags, Number(value[i])) : octal(value[i])
    const fields = struct.map(([name, flags], i) => `${name}=${field(i, flags)}`)
    return `{${fields.join(', ')}}`
  }
  if (value instanceof BigUint64Array) return `{${value.join(', ')}}`
  if (value instanceof Uint32Array) return `{${[...value].map((word) => `0x${word.toString(16)}`).join(', ')}}`
  if (value instanceof Int32Array) return `[${value.join(', ')}]`
  const bytes = value as Uint8Array
  if (parameter.startsWith('rt_sigprocmask.')) return bytes.every((byte) => byte === 0) ? '[none]' : '[all]'
  return `<${bytes.length} bytes>`
}

const octal = (value: unknown) => (value ? `0${Number(value).toString(8)}` : '0')

function nameOf(table: Record<string, number>, value: number): string {
  return Object.entries(table).find(([, number]) => number === value)?.[0] ?? String(value)
}

function formatFlags(table: Record<string, number>, value: number): string {
  const set = Object.entries(table).filter(([, bit]) => (value & bit) === bit)
  const rest = set.reduce((left, [, bit]) => left & ~bit, value)
  const words = set.map(([word]) => word)
  if (rest !== 0) words.push(rest > 0 && rest < 0x100 ? String(rest) : `0x${(rest >>> 0).toString(16)}`)
  return words.join('|') || '0'
}

/** The parameters of calls that a chain makes; bind() has those of the others from their prototypes. */
const PARAMETERS: Record<string, string[]> = {
  prctl: ['option', 'arg2'],
  fcntl: ['fd', 'op', 'arg'],
  close_range: ['first', 'last', 'flags'],
  execve: ['pathname', 'argv', 'envp'],
}

const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGXFSZ: 25,
  SIGWINCH: 28,
}

const DOMAINS = { AF_UNIX: 1, AF_INET: 2, AF_NETLINK: 16 }
const SOCKETS = { SOCK_STREAM: 1, SOCK_DGRAM: 2, SOCK_CLOEXEC: 0o2000000 }

/** Parameters that are one of several names. */
const ONE_OF: Record<string, Record<string, number>> = {
  'prctl.option': {
    PR_SET_PDEATHSIG,
    PR_SET_DUMPABLE: 4,
    PR_SET_KEEPCAPS: 8,
    PR_CAPBSET_READ: 23,
    PR_CAPBSET_DROP: 24,
    PR_SET_CHILD_SUBREAPER: 36,
    PR_SET_NO_NEW_PRIVS: 38,
    PR_CAP_AMBIENT: 47,
  },
  'seccomp.operation': { SECCOMP_SET_MODE_FILTER: 1 },
  'fcntl.op': { F_GETFD: 1, F_SETFD: 2 },
  'close_range.last': { '~0': 0xffffffff },
  'ioctl.op': {
    SIOCADDRT: 0x890b,
    SIOCGIFFLAGS: 0x8913,
    SIOCSIFFLAGS: 0x8914,
    SIOCSIFADDR: 0x8916,
    SIOCSIFNETMASK: 0x891c,
  },
  'flock.operation': { LOCK_EX: 2 },
  'socketpair.domain': DOMAINS,
  'socket.domain': DOMAINS,
  'kill.sig': SIGNALS,
  'pidfd_send_signal.sig': SIGNALS,
  'signal.signum': SIGNALS,
  'signal.handler': { SIG_DFL: 0, SIG_IGN: 1 },
  'rt_sigprocmask.how': { SIG_BLOCK: 0, SIG_UNBLOCK: 1, SIG_SETMASK: 2 },
  'getrlimit.resource': { RLIMIT_NOFILE: 7 },
  'setrlimit.resource': { RLIMIT_NOFILE: 7 },
  'keyctl.operation': { KEYCTL_JOIN_SESSION_KEYRING: 1 },
  'mount_setattr.dirfd': { AT_FDCWD: -100 },
}

const CLONE = {
  CLONE_NEWNS: 0x20000,
  CLONE_NEWCGROUP: 0x2000000,
  CLONE_NEWUTS: 0x4000000,
  CLONE_NEWIPC: 0x8000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
}

const OPEN = {
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_DIRECTORY: process.arch === 'arm64' ? 0o40000 : 0o200000,
  O_NOFOLLOW: process.arch === 'arm64' ? 0o100000 : 0o400000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
}
const ATTRIBUTES = { MOUNT_ATTR_RDONLY: 1, MOUNT_ATTR_NOSUID: 2, MOUNT_ATTR_NODEV: 4, MOUNT_ATTR_NOEXEC: 8 }

/** Parameters that are a sum of bits. */
const FLAGS: Record<string, Record<string, number>> = {
  'clone.flags': { ...CLONE, CLONE_PIDFD: 0x1000, CLONE_PARENT: 0x8000, SIGCHLD: 17 },
  'unshare.flags': { ...CLONE, CLONE_NEWTIME: 0x80, CLONE_FS: 0x200 },
  'setns.nstype': { ...CLONE, CLONE_NEWTIME: 0x80 },
  'fcntl.arg': { FD_CLOEXEC: 1 },
  'umount2.flags': { MNT_DETACH: 2 },
  'open.flags': OPEN,
  'socketpair.type': SOCKETS,
  'socket.type': SOCKETS,
  'waitpid.options': { WNOHANG: 1 },
  'seccomp.flags': { SECCOMP_FILTER_FLAG_TSYNC: 1 },
  'mount_setattr.flags': { AT_RECURSIVE: 0x8000, AT_EMPTY_PATH: 0x1000 },
  'mount.mountflags': {
    MS_RDONLY: 0x1,
    MS_NOSUID: 0x2,
    MS_NODEV: 0x4,
    MS_NOEXEC: 0x8,
    MS_REMOUNT: 0x20,
    MS_BIND: 0x1000,
    MS_MOVE: 0x2000,
    MS_REC: 0x4000,
    MS_PRIVATE: 0x40000,
    MS_SLAVE: 0x80000,
    MS_SHARED: 0x100000,
    MS_STRICTATIME: 0x1000000,
  },
}

/** Structs whose fields are 64 bits each: their names, and the names of their bits; a mode has none. */
const STRUCTS: Record<string, [name: string, bits?: Record<string, number>][]> = {
  'openat2.how': [
    ['flags', OPEN],
    ['mode'],
    ['resolve', { RESOLVE_NO_SYMLINKS: 4, RESOLVE_BENEATH: 8, RESOLVE_IN_ROOT: 16 }],
  ],
  'mount_setattr.attr': [
    ['attr_set', ATTRIBUTES],
    ['attr_clr', ATTRIBUTES],
  ],
}
