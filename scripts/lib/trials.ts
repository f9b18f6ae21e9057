import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { UsageError } from '#given/errors.ts'
import { seconds } from '#given/patience.ts'
import { processes } from '#given/proc.ts'
import { Clone } from '../tests/clone.ts'
import { describe } from './ledger.ts'
import { type Found, project } from './lessons.ts'

/** A file in the place of the learner's. */
export interface StandIn {
  lesson: Found
  source: string | Buffer
}

/** What `check` said of a file, and how it ended. */
export interface Answer {
  code: number | null
  stdout: string
  stderr: string
  /** It had to be killed. */
  late: boolean
}

/** Runs `work` for each item, two at a time, each in a clone of the workshop. Ctrl-C ends it, and leaves nothing. */
export async function inClones<T>(items: T[], work: (place: Place, item: T) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const abort = () => stop.abort(new UsageError('interrupted', 130))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, abort)
  const queue = items.values()
  const worker = async () => {
    using clone = new Clone()
    const place = new Place(clone, stop.signal)
    for (const item of queue) {
      await work(place, item)
      stop.signal.throwIfAborted()
    }
  }
  const workers = await Promise.allSettled([worker(), worker()])
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, abort)
  for (const result of workers) if (result.status === 'rejected') throw result.reason
}

/** A clone in which somebody else's file stands in for the learner's. */
export class Place {
  readonly #clone: Clone
  readonly #stop: AbortSignal

  constructor(clone: Clone, stop: AbortSignal) {
    this.#clone = clone
    this.#stop = stop
  }

  /** Runs `check` with files in the learner's place. It is killed when it takes longer than `limit` milliseconds. */
  async check(files: StandIn[], args: string[], limit: number): Promise<Answer> {
    for (const { lesson, source } of files)
      writeFileSync(join(this.#clone.path, relative(project, lesson.file)), source)
    this.#stop.throwIfAborted()
    const child = this.#clone.start('check', ...args)
    const answer: Answer = { code: null, stdout: '', stderr: '', late: false }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        answer[stream] += stripVTControlCharacters(text)
      })
    }
    const timer = setTimeout(() => {
      answer.late = true
      child.kill('SIGKILL')
    }, limit)
    const abort = () => child.kill()
    this.#stop.addEventListener('abort', abort)
    answer.code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    this.#stop.removeEventListener('abort', abort)
    clearTimeout(timer)
    this.#stop.throwIfAborted()
    return answer
  }

  /** The processes that are still there some time after a check: none, or it left something behind. */
  async leftovers(): Promise<string[]> {
    for (const deadline = Date.now() + seconds(3); ; await sleep(50)) {
      const found = processes().filter((pid) => this.#isOurs(pid))
      if (found.length === 0 || Date.now() > deadline) return found.map(describe)
    }
  }

  /** Whatever runs for a check has a file of the clone among its arguments, or stands in the clone. */
  #isOurs(pid: number): boolean {
    try {
      return describe(pid).includes(this.#clone.path) || readlinkSync(`/proc/${pid}/cwd`).startsWith(this.#clone.path)
    } catch {
      return false // gone meanwhile
    }
  }
}

/** vitest's own limit for a check, and as many checks as the lesson has: nothing may take longer. */
export function limitOf(lesson: Found): number {
  const file = lesson.file.replace(/\.ts$/, '.test.ts')
  const checks = readFileSync(file, 'utf8').split(/^test\(/m).length
  return seconds(20) * (checks + 1)
}

/** The finished file of a lesson. */
export function referenceOf({ folder, name }: Found): string {
  return readFileSync(join(project, 'solutions', folder, `${name}.ts`), 'utf8')
}
