/*
 * Opens labs for tests and demos: a disposable host on which one runs programs, containers and single functions, and
 * looks at what became of the host.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { PRIVILEGES, type Privileges } from './capabilities/privileges.ts'
import type { Limits } from './cgroups/limits.ts'
import { type ErrorData, inProject } from './errors.ts'
import { LAB_CONTAINERS, LAB_ROOTFS } from './lab.ts'
import { labOrder } from './lab-order.ts'
import type { Event, Request } from './lab-server.ts'
import type { Lesson } from './lesson.ts'
import type { Volume } from './mechanism.ts'
import type { Network } from './net/network.ts'
import { seconds } from './patience.ts'
import { NAMESPACES, type Namespace } from './proc.ts'
import { Program, type Result } from './program.ts'
import type { Order } from './run.ts'
import { newId, spec } from './spec.ts'
import { type Choice, choose, type Layer, layer, type Tree } from './stack.ts'
import { unionOf } from './union.ts'
import type { Ids } from './user/ids.ts'

export type { Program, Result }

const given = (file: string) => new URL(file, import.meta.url).pathname

/** The tree that `#lesson` means here: the learner's, or under `node -C solution` the reference. */
export function currentTree(): Tree {
  const file = createRequire(import.meta.url).resolve('#lesson/04-uts/uts.ts')
  return inProject(file).startsWith('solutions') ? 'solutions' : 'lessons'
}

export interface LabOptions {
  /** The host name of the lab. */
  hostname?: string
  /** The lesson that a check is about: its mechanism comes from the learner, all others from the reference. */
  lesson?: Lesson
  /** Give it a part of the cgroup trees that it may write to: lesson 08. */
  cgroups?: boolean
  /** Leave it capabilities that reach beyond a lab, such as SYS_TIME, for a probe: lesson 09. */
  keep?: string[]
}

/** What one asks of a container. Without `only`, it has the lesson's mechanism and those that the lesson needs. */
export interface BoxOptions extends Choice {
  id?: string
  name?: string
  hostname?: string
  domainname?: string
  env?: Record<string, string>
  cwd?: string
  volumes?: Volume[]
  limits?: Limits
  network?: Network
  privileges?: Privileges
  init?: boolean
  rootfs?: string
  /** The layers of its root, the lowest first, in place of a rootfs: lesson 10. */
  lower?: string[]
  /** Keep what it changed when it has ended. */
  keep?: boolean
  /** Where it keeps what it changes; a folder of the lab unless given. */
  containers?: string
  /** Other flags for a mechanism than its own, by name: 0 shows what its flag is for. */
  flags?: Record<string, number>
  /** More mechanisms, after the others, such as the escape of lesson 01. */
  extra?: Layer[]
  /** The task that the check is about, such as '03.2'. */
  task?: string
  verbose?: boolean
  /** What the command reads on standard input, to its end. */
  input?: string
  /** Its ids, where it has a user namespace: lesson 07. */
  ids?: Ids
  /** The program that runs the engine, such as setpriv(1) for a user who is not root. */
  under?: string[]
  /** In seconds, before the machine's patience; 8 unless given. */
  timeout?: number
}

/** A container that runs in the lab. */
export interface Box extends AsyncDisposable {
  /** The lab that it runs in. */
  host: Lab
  /** Its first process, as the lab numbers it. */
  pid: number
  program: Program
  /** Kills it if need be, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<Result>
}

/** A disposable host. */
export class Lab implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #programs = new Map<number, Program>()
  readonly #lesson: Lesson | undefined
  readonly #closed: Promise<void>
  #next = 1
  #errors = ''
  #ended = false

  constructor(process: ChildProcess, lesson: Lesson | undefined) {
    this.#process = process
    this.#lesson = lesson
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    process.stdin?.on('error', () => {}) // EPIPE: the lab has ended, and #end says so
    if (process.stdout) createInterface({ input: process.stdout }).on('line', (line) => this.#hear(JSON.parse(line)))
    this.#closed = new Promise((resolve) => process.on('close', () => resolve(this.#end())))
  }

  /** Runs a program on the lab's host. */
  async exec(
    argv: string[],
    options: { env?: Record<string, string>; input?: string; timeout?: number } = {},
  ): Promise<Result> {
    const { timeout, ...rest } = options
    return this.#limit(this.spawn(argv, { input: '', ...rest }), timeout)
  }

  /** Starts a program on the lab's host and does not wait for it. */
  spawn(argv: string[], options: { env?: Record<string, string>; input?: string; cwd?: string } = {}): Program {
    const id = this.#next++
    const program = new Program((request) => this.send(request), id)
    this.#programs.set(id, program)
    if (this.#ended) this.#end()
    else this.send({ id, do: 'spawn', argv, ...options })
    return program
  }

  /** Runs a container to its end. */
  async run(argv: string[], options: BoxOptions = {}): Promise<Result> {
    const { input = '', timeout } = options
    return this.#limit(this.#box(argv, options, input), timeout)
  }

  /** Starts a container, and returns when its command has started. */
  async start(argv: string[], options: BoxOptions = {}): Promise<Box> {
    const program = this.#box(argv, options, options.input)
    const what = 'the start of its command. Does something wait, or loop, for ever?'
    await program.until(() => program.reports.length > 0 || program.ended, what, options.timeout)
    if (program.reports.length === 0)
      throw new Error(program.stderr.trimEnd() || 'the container ended before it had started')
    const { pid } = JSON.parse(program.reports[0] ?? '{}')
    const stop = async (signal: NodeJS.Signals = 'SIGKILL') => {
      if (!program.ended) program.signal(signal)
      return this.#limit(program, options.timeout)
    }
    return { host: this, pid, program, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
  }

  /** Calls a function that the lesson's file exports, in a process of its own on the lab's host. */
  call<T>(name: string, args: unknown[] = [], task = ''): Promise<T> {
    return this.#call(name, args, task)
  }

  /** The same several times in one process, one after the other: with each of these lists of arguments. */
  callEach<T>(name: string, lists: unknown[][], task = ''): Promise<T[]> {
    return this.#call(name, lists, task, 'each')
  }

  async #call<T>(name: string, args: unknown[], ...more: string[]): Promise<T> {
    const { file } = this.#layer(this.#lesson?.name ?? '')
    const program = this.spawn([
      process.execPath,
      '--no-warnings',
      given('call.ts'),
      file,
      name,
      JSON.stringify(args),
      ...more,
    ])
    const { code, stderr } = await this.#limit(program)
    const answer: { result: T; error?: ErrorData } | undefined = JSON.parse(program.reports[0] ?? 'null')
    if (!answer) throw new Error(`${name}() ended its process, exit code ${code}\n${stderr}`)
    if (!answer.error) return answer.result
    const { message, where, name: kind, code: errno } = answer.error
    throw Object.assign(new Error(where ? `${message}\n  in ${where}` : message), { name: kind, code: errno })
  }

  /** A file of the lab, such as /proc/12/status. */
  async read(path: string): Promise<string> {
    const { stdout, stderr, code } = await this.exec(['cat', path])
    if (code !== 0) throw new Error(stderr.trim())
    return stdout
  }

  async hostname(): Promise<string> {
    return (await this.read('/proc/sys/kernel/hostname')).trim()
  }

  /** The namespaces of a process of the lab. */
  async namespaces(pid: number | 'self'): Promise<Record<Namespace, string>> {
    const { stdout } = await this.exec(['readlink', ...NAMESPACES.map((kind) => `/proc/${pid}/ns/${kind}`)])
    const links = stdout.trim().split('\n')
    return Object.fromEntries(NAMESPACES.map((kind, i) => [kind, links[i] ?? ''])) as Record<Namespace, string>
  }

  /** A namespace of a process, as the kernel names it: `uts:[4026532177]`. */
  async namespace(pid: number | 'self', kind: Namespace): Promise<string> {
    return (await this.exec(['readlink', `/proc/${pid}/ns/${kind}`])).stdout.trim()
  }

  send(request: Request): void {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`)
  }

  /** Ends the lab: its pid 1 dies, and all else with it. */
  async close(): Promise<void> {
    this.#process.stdin?.end()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), seconds(2))
    await this.#closed
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Resolves when the lab answers; throws what kept it from starting. */
  async ready(): Promise<this> {
    const { code } = await this.exec(['true'])
    if (code !== 0) throw new Error(`the lab did not start: ${this.#errors.trim()}`)
    return this
  }

  #layer(name: string): Layer {
    return layer(name, name === this.#lesson?.name ? currentTree() : 'solutions')
  }

  #box(argv: string[], options: BoxOptions, input: string | undefined): Program {
    const { extra = [], flags = {}, task, verbose, under = [] } = options
    const own = this.#lesson ? [this.#lesson.name, ...this.#lesson.needs] : undefined
    const names = choose({ only: own, ...options })
    const { id = newId(), lower, keep = false, containers = LAB_CONTAINERS } = options
    const userns = names.includes('user')
    const root =
      lower && names.includes('images') ? unionOf(id, lower, { keep, userns, containers }) : { rootfs: LAB_ROOTFS }
    const order: Order = {
      spec: spec({ ...root, ...options, id, argv, mechanisms: names }),
      layers: [...names.map((name) => ({ ...this.#layer(name), flags: flags[name] })), ...extra],
      report: 3,
      task,
      ...(verbose ? { verbose } : {}),
    }
    const cwd = `${LAB_ROOTFS}/..` // outside the new root, as a careless caller is: lesson 01
    const command = [...under, process.execPath, '--no-warnings', given('run.ts'), JSON.stringify(order)]
    return this.spawn(command, input === undefined ? { cwd } : { input, cwd })
  }

  async #limit(program: Program, limit = 8): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        program.signal('SIGKILL')
        reject(
          new Error(
            `still running after ${limit} s, so it was killed: does something wait, or loop, for ever?\n${program.stdout}${program.stderr}`.trimEnd(),
          ),
        )
      }, seconds(limit))
    })
    return Promise.race([program.result, late]).finally(() => clearTimeout(timer))
  }

  #hear(event: Event): void {
    this.#programs.get(event.id)?.hear(event)
    if (event.event === 'exit') this.#programs.delete(event.id)
  }

  #end(): void {
    this.#ended = true
    for (const [id, program] of this.#programs) {
      program.hear({ id, event: 'output', stream: 'stderr', text: this.#errors || 'box: the lab has ended\n' })
      program.hear({ id, event: 'exit', code: 125, signal: null })
    }
    this.#programs.clear()
  }
}

/** The lab's server runs before all others, so that it can end a lab that is full of them; what it starts does not. */
const FIRST = ['nice', '-n', '-20', 'chrt', '--reset-on-fork', '--other', '0']

/** Opens a lab. Close it, or say `await using`. */
export async function openLab({
  hostname = 'host',
  lesson,
  cgroups = false,
  keep = [],
}: LabOptions = {}): Promise<Lab> {
  const server = [process.execPath, '--no-warnings', given('lab-server.ts'), 'alone']
  const order = labOrder([...FIRST, ...server], hostname)
  order.spec.privileges = { ...PRIVILEGES, asked: keep }
  if (!cgroups) order.layers = order.layers.filter(({ name }) => name !== 'subtree')
  const child = spawn(process.execPath, ['--no-warnings', given('run.ts'), JSON.stringify(order)], { stdio: 'pipe' })
  return new Lab(child, lesson).ready()
}

/** This machine as a lab: for a demo, which runs in one already. */
export async function here(lesson?: Lesson): Promise<Lab> {
  const child = spawn(process.execPath, ['--no-warnings', given('lab-server.ts')], { stdio: 'pipe' })
  return new Lab(child, lesson).ready()
}
