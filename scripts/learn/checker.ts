import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Verdict } from '../lib/checks.ts'
import type { Outcome } from '../lib/progress.ts'
import type { News, Order } from './checking.ts'

const program = fileURLToPath(new URL('checking.ts', import.meta.url))

/** Runs one lesson's checks at a time: checking.ts, seen from outside. */
export class Checker implements Disposable {
  #child: ChildProcess | undefined
  #running = false
  #complaint = ''

  constructor() {
    this.#start()
  }

  /** Runs a lesson's checks. A run that is still going on is ended, and its promise gives undefined. */
  async run(
    { lesson: { folder, file }, first }: Order,
    tell: (outcome: Outcome) => void,
  ): Promise<Verdict | undefined> {
    if (this.#running) this[Symbol.dispose]()
    const child = this.#child ?? this.#start()
    const { promise, resolve } = Promise.withResolvers<Verdict | undefined>()
    const onMessage = (news: News) => ('verdict' in news ? resolve(news.verdict) : tell(news.outcome))
    const onExit = () => resolve(child === this.#child ? this.#died() : undefined)
    child.on('message', onMessage).on('exit', onExit)
    this.#running = true
    child.send({ lesson: { folder, file }, first } satisfies Order)
    const verdict = await promise
    child.off('message', onMessage).off('exit', onExit)
    if (child === this.#child) this.#running = false
    return verdict
  }

  #start(): ChildProcess {
    const child = fork(program, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-500)
    })
    child.on('error', () => {}) // such as a message to one that has just died: its exit tells
    this.#child = child
    return child
  }

  /** It ended by itself: a new one will do the next run. */
  #died(): Verdict {
    this.#child = undefined
    this.#running = false
    return { outcomes: [], broken: [this.#complaint.trim().split('\n').at(-1) ?? ''], passed: false }
  }

  /** Ends it, and a run with it. Labs die with who made them. */
  [Symbol.dispose](): void {
    const child = this.#child
    this.#child = undefined
    this.#running = false
    child?.kill('SIGKILL')
  }
}
