/*
 * Programs that set up a network: a container waits for several, and node:child_process takes three times as long to
 * start one. Node copies its page tables for the child; posix_spawn(3) lends it the memory instead.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from '../fs.ts'
import { bind, exitCode, libc, waitpid } from '../libc.ts'
import { trace } from '../trace.ts'

const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
const ENVIRONMENT = [`PATH=${FOLDERS.join(':')}`, null]
const MFD_CLOEXEC = 1
const FILE_ACTIONS = 80 // sizeof(posix_spawn_file_actions_t) of glibc, on 64-bit machines

const memfdCreate = bind('int memfd_create(const char *name, unsigned int flags)')

export interface Ended {
  /** Its exit code, or 128 plus a signal. */
  code: number
  stderr: string
}

/** Runs a program to its end, with `input` on its standard input; undefined where it is not installed. */
export function runProgram(argv: string[], input: string): Ended | undefined {
  const [stdin, stderr] = [memfdCreate('input', MFD_CLOEXEC), memfdCreate('errors', MFD_CLOEXEC)]
  try {
    writeSync(stdin, input, 0)
    const code = spawnAndWait(argv, [stdin, stderr, stderr])
    if (code === undefined) return undefined
    const said = Buffer.alloc(fstatSync(stderr).size)
    readSync(stderr, said, 0, said.length, 0)
    return { code, stderr: said.toString() }
  } finally {
    closeSync(stdin)
    closeSync(stderr)
  }
}

/**
 * Runs shell commands, all at once, that nobody waits for, whatever becomes of them, and out of reach of Ctrl-C. Before
 * the kernel forgets a link or a table, it waits for all who may still read it, 10 to 50 ms each.
 *
 * @param held a descriptor that stays open until they are done: with it, a lock
 */
export function inBackground(commands: string[], held?: number): void {
  trace?.('sh', [], commands)
  const script = ['cd /', ...commands.map((command) => `${command} &`), 'wait'].join('\n')
  const nothing = openSync('/dev/null', 'r+')
  try {
    const fds = [nothing, nothing, nothing, ...(held === undefined ? [] : [held])]
    spawnAndWait(['setsid', '--fork', 'sh', '-c', script], fds) // that forks and ends, and its child is an orphan
  } finally {
    closeSync(nothing)
  }
}

/** Starts a program with these as its descriptors 0, 1, … and none besides: all of ours close on exec. */
function spawnAndWait(argv: string[], fds: number[]): number | undefined {
  const path = FOLDERS.map((folder) => `${folder}/${argv[0]}`).find((file) => existsSync(file))
  if (path === undefined) return undefined
  const pid = new Int32Array(1)
  const actions = Buffer.alloc(FILE_ACTIONS)
  const { spawn, init, dup2, destroy } = functions()
  init(actions)
  for (const [to, from] of fds.entries()) dup2(actions, from, to)
  const errno: number = spawn(pid, path, actions, null, [...argv, null], ENVIRONMENT)
  destroy(actions)
  if (errno !== 0) throw new Error(`posix_spawn(3) of ${path}: errno ${errno}`)
  return exitCode(waitpid(pid[0] ?? 0)?.status ?? 0)
}

function functions() {
  return {
    spawn: libc.func(
      'int posix_spawn(int *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)',
    ),
    init: libc.func('int posix_spawn_file_actions_init(void *actions)'),
    dup2: libc.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)'),
    destroy: libc.func('int posix_spawn_file_actions_destroy(void *actions)'),
  }
}
