/*
 * The last step: the init becomes the command. Node changed things of the process when it started, and execve(2) hands
 * most of them on, so they are put back first.
 */
import { accessSync, constants, statSync } from './fs.ts'
import { bind, isatty, koffi, nameOfErrno, PR_SET_PDEATHSIG, prctl, strerror } from './libc.ts'
import type { Spec } from './mechanism.ts'

/** The command could not be started; the exit codes are Docker's. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127

const F_GETFD = 1
const F_SETFD = 2
const FD_CLOEXEC = 1
const SIG_DFL = 0
const SIG_SETMASK = 2
const SIGKILL = 9
const SIGPIPE = 13
const SIGXFSZ = 25
const RLIMIT_NOFILE = 7
const KEYCTL_JOIN_SESSION_KEYRING = 1

const execve = bind('int execve(const char *pathname, void *argv, void *envp)')
const posixSpawn = bind(
  'int posix_spawn(void *pid, const char *path, void *file_actions, void *attrp, void *argv, void *envp)',
)
const fcntl = bind('int fcntl(int fd, int op, int arg)')
const setsid = bind('pid_t setsid(void)')
const getrlimit = bind('int getrlimit(int resource, void *rlim)')
const setrlimit = bind('int setrlimit(int resource, void *rlim)')
const keyctl = bind('long keyctl(int operation, const char *name)')
const sigprocmask = bind('int rt_sigprocmask(int how, void *set, void *oldset, size_t size)')
const signal = bind('long signal(int signum, unsigned long handler)')

/**
 * Replaces this process by the command. Returns only by throwing.
 *
 * @throws {CommandError} 127 where it is not found, 126 where it cannot be executed
 * @see execve(2)
 */
export function becomeCommand(spec: Spec): never {
  const path = prepare(spec)
  try {
    execve(path, vector(spec.argv), environment(spec))
  } catch (error) {
    throw notExecutable(path, error as { code?: string })
  }
  throw new Error('execve(2) returned')
}

/**
 * Starts the command as a child of this process, which stays. Not through node:child_process: Node would wait for the
 * child by itself, and whoever waits second gets nothing.
 *
 * @returns its pid
 * @throws {CommandError} as `becomeCommand`
 * @see posix_spawn(3), which returns an errno instead of setting it
 */
export function spawnCommand(spec: Spec): number {
  const path = prepare(spec)
  const pid = new Int32Array(1)
  const errno = posixSpawn(pid, path, null, null, vector(spec.argv), environment(spec))
  if (errno !== 0) throw notExecutable(path, { code: nameOfErrno(errno), message: `${path}: ${strerror(errno)}` })
  return pid[0] ?? 0
}

/** The environment as execve(2) takes it: `NAME=VALUE`. */
export function variables({ env }: Spec): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

const environment = (spec: Spec) => vector(variables(spec))

let last: (() => void) | undefined

/** Does something at the very last moment before the command: a filter that would refuse what else there is to do. */
export function atLast(step: () => void): void {
  last = step
}

/**
 * Makes this process as the command is to find it: its working directory, its signals, limits, session.
 *
 * @returns the path of the command
 * @throws {CommandError} 127 where there is none, 126 where it is not executable, 125 for the working directory
 */
export function prepare(spec: Spec): string {
  enter(spec.cwd)
  const path = findCommand(spec.argv[0] ?? '', spec.env.PATH ?? '')
  for (const fd of [0, 1, 2]) if (isOpen(fd)) fcntl(fd, F_SETFD, 0) // Node closes them on exec
  for (const ignored of [SIGPIPE, SIGXFSZ]) signal(ignored, SIG_DFL)
  unblockSignals()
  restoreFileLimit()
  leaveSession()
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) // again, since a change of credentials clears it
  last?.()
  return path
}

/** Who comes from clone() has all signals blocked: clone.ts. */
export function unblockSignals(): void {
  sigprocmask(SIG_SETMASK, new Uint8Array(8), null, 8)
}

/** The channel to the parent must end where the command begins: that is how the parent knows. */
export function closeOnExec(fd: number): void {
  fcntl(fd, F_SETFD, FD_CLOEXEC)
}

function enter(cwd: string): void {
  try {
    process.chdir(cwd)
    // Throws where it lies outside of the root: a folder of the host behind /proc/PID/fd, runc's CVE-2024-21626. Only
    // checks of lesson 01 name it without a /, since standing outside is the mistake that they are about.
    if (cwd.startsWith('/')) process.cwd()
  } catch (error) {
    const { code } = error as { code?: string }
    throw new CommandError(`the working directory ${cwd}: ${code}, ${reasons[code ?? ''] ?? 'cannot be entered'}`, 125)
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such folder in the container',
  ENOTDIR: 'it is not a folder',
  EACCES: 'you may not enter it',
}

/** Finds a command as a shell does: by PATH, unless its name has a slash. */
function findCommand(name: string, path: string): string {
  const candidates = name.includes('/') ? [name] : path.split(':').map((folder) => `${folder || '.'}/${name}`)
  let refused: string | undefined
  for (const candidate of candidates) {
    try {
      if (!isFile(candidate)) continue
      if (isExecutable(candidate)) return candidate
      refused ??= `${candidate} is not executable: chmod +x ${candidate}`
    } catch (error) {
      if ((error as { code?: string }).code !== 'EACCES') throw error
      refused ??= `${candidate}: EACCES, the user of the command may not enter a folder on the way there`
    }
  }
  if (refused) throw new CommandError(refused, NOT_EXECUTABLE)
  if (name.includes('/') && isFolder(name)) throw new CommandError(`${name} is a folder`, NOT_EXECUTABLE)
  const where = name.includes('/') ? '' : ` in PATH (${path})`
  throw new CommandError(`${name}: no such command${where} of the container's root`, NOT_FOUND)
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

function isExecutable(path: string): boolean {
  // access(2) alone would let root pass for a file without any x bit, which execve(2) then refuses.
  if (((statSync(path).mode ?? 0) & 0o111) === 0) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why execve(2) refused, in words: a wrong architecture and a missing loader look alike to a beginner. */
export function notExecutable(path: string, error: { code?: string; message?: string }): CommandError {
  if (error.code === 'ENOENT') {
    const why = 'the file is there, but not its interpreter: the dynamic loader or the #! line names a missing file'
    return new CommandError(`${path}: ${why}`, NOT_FOUND)
  }
  if (error.code === 'ENOEXEC') {
    const why = 'ENOEXEC, not a program for this kernel: another architecture, or a script without a #! line'
    return new CommandError(`${path}: ${why}`, NOT_EXECUTABLE)
  }
  return new CommandError(error.message ?? path, NOT_EXECUTABLE)
}

function isOpen(fd: number): boolean {
  try {
    return fcntl(fd, F_GETFD, 0) >= 0
  } catch {
    return false // the caller had closed it
  }
}

/** Node raises the soft limit to the hard one. Programs that use select(2) break beyond 1024. */
function restoreFileLimit(): void {
  const limit = new BigUint64Array(2)
  getrlimit(RLIMIT_NOFILE, limit)
  const [, hard = 0n] = limit
  setrlimit(RLIMIT_NOFILE, BigUint64Array.of(hard < 1024n ? hard : 1024n, hard))
}

/** A session and a session keyring of its own. With a terminal it stays in ours, or Ctrl-C would not reach it. */
function leaveSession(): void {
  try {
    if (!isatty(0)) setsid()
  } catch {
    // EPERM: it leads a session already
  }
  try {
    keyctl(KEYCTL_JOIN_SESSION_KEYRING, null)
  } catch {
    // ENOSYS: a kernel without keyrings has none to share
  }
}

/** A NULL-ended array of C strings. It is never freed: execve replaces the memory that it is in. */
function vector(strings: string[]): BigUint64Array {
  const pointers = strings.map((text) => {
    const data = Buffer.from(`${text}\0`)
    const memory = koffi.alloc('uint8', data.length)
    Buffer.from(koffi.view(memory, data.length)).set(data)
    return koffi.address(memory)
  })
  return Object.assign(BigUint64Array.from([...pointers, 0n]), { strings }) // the strings are for --verbose
}
