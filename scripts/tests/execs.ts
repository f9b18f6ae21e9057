import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { existing } from '#given/cgroups/hierarchies.ts'
import { type Entry, running } from '#given/running.ts'
import { box, type Start, said, start, until } from './boxes.ts'

// Containers of the reference, right on this machine, and second commands in them.

let count = 0

/** A container that runs in the foreground of another process, and ends when it is disposed of. */
export class Container implements AsyncDisposable {
  readonly name = `exec-${process.pid}-${++count}`
  readonly child: ChildProcess

  /** It does `first`, says that it is up, and then does `script`. */
  constructor(options: string[], script: string, first = ':') {
    const line = `${first}; echo up; ${script}`
    this.child = start(['--reference', '--name', this.name, ...options, '--', 'sh', '-c', line])
  }

  get entry(): Entry {
    const found = running().find(({ container }) => container.spec.name === this.name)
    if (!found) throw new Error(`${this.name} does not run`)
    return found
  }

  get pid(): number {
    return this.entry.container.pid
  }

  exec(args: string[], options: Start & { input?: string } = {}) {
    return box(['--reference', ...args], { ...options, verb: 'exec' })
  }

  sh(script: string, ...options: string[]) {
    return this.exec([...options, this.name, '--', 'sh', '-c', script])
  }

  /** Starts one and does not wait for it. */
  start(script: string, ...options: string[]): ChildProcess {
    return start(['--reference', ...options, this.name, '--', 'sh', '-c', script], { verb: 'exec' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'close')
    process.kill(this.pid, 'SIGKILL')
    await ended
  }
}

export async function container(
  options: string[] = [],
  script = 'exec sleep 600',
  before?: string,
): Promise<Container> {
  const made = new Container(options, script, before)
  await said(made.child, 'up')
  return made
}

export const good = (stdout: string) => ({ stderr: '', code: 0, stdout })

/** What a process may, as the kernel says it. */
const RIGHTS = 'Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp|Seccomp_filters'
export const rightsOf = (pid: number) =>
  readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .filter((line) => new RegExp(`^(${RIGHTS}):`).test(line))

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']
export const namespacesOf = (pid: number) => KINDS.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))

/** The host's number of a process in a container, by its last one. */
function hostPid(inside: Container, number: string): number {
  const own = readlinkSync(`/proc/${inside.pid}/ns/pid`)
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/ns/pid`) !== own) return false
        return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:.*\t(\d+)$/m)?.[1] === number
      } catch {
        return false
      }
    })
  return Number(found)
}

/** Starts a command that sleeps, and gives its number on the host. */
export async function sleeper(inside: Container, ...options: string[]): Promise<{ child: ChildProcess; pid: number }> {
  const child = inside.start('echo $$; exec sleep 600', ...options)
  const [number] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  const pid = hostPid(inside, String(number).trim())
  await until(() => nameOf(pid) === 'sleep', 'it sleeps')
  return { child, pid }
}

export const isThere = (pid: number) => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

export function childOf(pid: number): number {
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
}

/** The host's numbers of all that is in a container. */
export function pidsIn(inside: Container): number[] {
  const [group] = existing(inside.entry.container.id)
  return readFileSync(`${group?.path}/cgroup.procs`, 'utf8').trim().split('\n').map(Number)
}

export function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined // it has ended
  }
}

export const commands = (inside: Container) => pidsIn(inside).map(nameOf)
