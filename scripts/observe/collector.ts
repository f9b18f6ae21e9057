/*
 * Looks at the machine again and again, as long as somebody watches, and says what has changed. It only reads.
 */
import { cpus, hostname, release, totalmem } from 'node:os'
import { type Change, changeBetween, movedOn } from './change.ts'
import { Cgroups } from './collect/cgroups.ts'
import { containersOf } from './collect/containers.ts'
import { Namespaces } from './collect/namespaces.ts'
import { inodesOf, Processes } from './collect/processes.ts'
import type { Host, LessonNow, Model } from './model.ts'

/** In milliseconds: what happens is seen within a second, with time to read and to draw. */
export const PERIOD = 500
const SAMPLE = 1000 / PERIOD // looks for each point of the curves
const LESSON = 10 // looks for each question where the learner is

export interface CollectorOptions {
  /** Asks where the learner is. */
  lesson?(): Promise<LessonNow | undefined>
}

export class Collector {
  readonly #listeners = new Set<(change: Change, model: Model) => void>()
  readonly #options: CollectorOptions
  #machine: Machine | undefined
  #timer: NodeJS.Timeout | undefined
  #model: Model | undefined
  #lesson: LessonNow | undefined
  #looks = 0

  constructor(options: CollectorOptions = {}) {
    this.#options = options
  }

  /** The picture as of now. */
  async now(): Promise<Model> {
    if (!this.#timer || !this.#model) await this.#ask()
    if (this.#timer && this.#model) return this.#model
    const model = this.#look()
    if (this.#listeners.size === 0) this.stop() // who asked has gone meanwhile, or does not stay: nothing is kept open
    return model
  }

  /** Tells each change from now on. The last one who leaves stops it all. */
  watch(listener: (change: Change, model: Model) => void): () => void {
    this.#listeners.add(listener)
    this.#timer ??= setInterval(() => this.#tick(), PERIOD)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.stop()
    }
  }

  /** Looks no more, and forgets. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#model = undefined
    this.#machine?.namespaces.close()
    this.#machine = undefined
  }

  #tick(): void {
    if (this.#looks % LESSON === 0) void this.#ask()
    const before = this.#model
    const model = this.#look()
    const change = before && changeBetween(before, model)
    if (change) for (const listener of this.#listeners) listener(change, model)
  }

  async #ask(): Promise<void> {
    const lesson = await this.#options.lesson?.()
    if (JSON.stringify(lesson) !== JSON.stringify(this.#lesson)) this.#lesson = lesson
  }

  #look(): Model {
    this.#machine ??= { processes: new Processes(), namespaces: new Namespaces(), cgroups: new Cgroups() }
    this.#looks++
    this.#model = pictureOf(this.#machine, this.#model, this.#looks % SAMPLE === 0, this.#lesson)
    return this.#model
  }
}

interface Machine {
  processes: Processes
  namespaces: Namespaces
  cgroups: Cgroups
}

function pictureOf(
  machine: Machine,
  before: Model | undefined,
  sampled: boolean,
  lesson: LessonNow | undefined,
): Model {
  const host = hostOf(machine, before?.host)
  const processes = machine.processes.look(host.namespaces, machine.cgroups)
  const namespaces = machine.namespaces.look(processes)
  const cgroups = machine.cgroups.look(processes)
  const containers = containersOf({ processes, namespaces }, before?.containers ?? {})
  const points = (before?.points ?? 0) + (sampled || !before ? 1 : 0)
  const usage =
    points === before?.points
      ? before.usage
      : movedOn(before?.usage ?? {}, Object.keys(cgroups), machine.cgroups.sample())
  const picture = { at: Date.now(), host, processes, namespaces, cgroups, containers, usage, points }
  return lesson ? { ...picture, lesson } : picture
}

function hostOf({ cgroups }: Machine, before: Host | undefined): Host {
  const name = hostname()
  if (before?.name === name) return before
  return {
    name,
    kernel: release(),
    cpus: cpus().length,
    memory: totalmem(),
    version: cgroups.version,
    namespaces: before?.namespaces ?? inodesOf(1) ?? inodesOf(process.pid) ?? [],
  }
}
