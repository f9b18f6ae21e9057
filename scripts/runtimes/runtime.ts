/*
 * What the runtimes have in common: a program of somebody else's that starts `sleep` in a container, from the same root
 * as all the others. They run in a lab, so none of them has to tidy up: when the lab ends, so does all of it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seconds } from '#given/patience.ts'

/** A column of the comparison. */
export interface Runtime {
  name: string
  /** What must be installed for it. */
  programs: string[]
  /** Debian's packages of these. */
  packages: string[]
  /** What it calls itself, in which version. */
  version(): string
  /** Starts its daemon and what else must be there first. Whoever types commands by himself wants that, too. */
  prepare?(place: Place): Promise<void>
  /** Starts a container with this command, in no network. It need not wait until that runs. */
  start(place: Place, argv: string[]): Promise<void>
}

/** Where a runtime works, in the lab. */
export interface Place {
  /** A folder for its files; it is there. */
  folder: string
  /** The root of its container. */
  rootfs: string
  /** The environment of its commands; `prepare` may add to it. */
  env: NodeJS.ProcessEnv
  /** Its daemons, and commands that stay. */
  children: ChildProcess[]
}

/** A runtime that did not do what was asked. The message is its own. */
export class Refused extends Error {
  override name = 'Refused'
}

/** Where PATH finds a program; nothing where it does not. */
export function locate(program: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program))
  return paths.find((path) => existsSync(path))
}

/** The first version number that a program prints of itself. */
export function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return /\d+\.\d[\w.]*/.exec(stdout || stderr)?.[0] ?? 'of no version'
}

/**
 * Runs a command to its end.
 *
 * @throws {Refused} with its last words
 */
export function must({ env, folder }: Place, [program = '', ...args]: string[]): void {
  const options = { env, cwd: folder, encoding: 'utf8' as const, timeout: seconds(60) }
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (status === 0) return
  throw new Refused(lastWords(`${stdout}\n${stderr}`) || error?.message || `it ended with ${status ?? signal}`)
}

/** Starts a command that stays, with its output in the log. */
export function stay(place: Place, [program = '', ...args]: string[]): ChildProcess {
  const log = openSync(logOf(place), 'a')
  const child = spawn(program, args, { env: place.env, cwd: place.folder, stdio: ['ignore', log, log] })
  closeSync(log)
  child.on('error', () => {}) // who waits for it sees that it has no pid
  place.children.push(child)
  return child
}

/**
 * Waits until something is there.
 *
 * @throws {Refused} with the last words of the log, where one of the commands that should stay has ended, or it is late
 */
export async function until<T>(place: Place, what: string, find: () => T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + seconds(30); ; await sleep(50)) {
    const found = find()
    if (found !== undefined && found !== false) return found
    const ended = place.children.some((child) => hasEnded(child))
    if (!ended && Date.now() < deadline) continue
    throw new Refused(lastWords(read(logOf(place))) || `${what}: ${ended ? 'it has ended' : 'in vain'}`)
  }
}

export function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}

const logOf = ({ folder }: Place) => join(folder, 'log')
const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')

/** The last line that says something. */
export function lastWords(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? ''
}
