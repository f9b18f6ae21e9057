/*
 * A program that runs in a lab, as one sees it from outside: labs.ts starts it, and hands on what its server says of it.
 */
import type { Event, Request } from './lab-server.ts'
import { seconds } from './patience.ts'

export interface Result {
  stdout: string
  stderr: string
  /** As Docker's: the command's own, 125 for an error of the engine, 126, 127, 128 plus a signal. */
  code: number
}

/** A program that runs in the lab. */
export class Program {
  readonly result: Promise<Result>
  stdout = ''
  stderr = ''
  readonly #send: (request: Request) => void
  readonly #id: number
  readonly #listeners = new Set<() => void>()
  readonly reports: string[] = []
  #end!: (result: Result) => void
  ended = false

  /** @param send tells the lab's server */
  constructor(send: (request: Request) => void, id: number) {
    this.#send = send
    this.#id = id
    this.result = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#send({ id: this.#id, do: 'signal', signal })
  }

  write(text: string): void {
    this.#send({ id: this.#id, do: 'write', text })
  }

  /** Waits until `condition` holds, and looks whenever the program says something or ends. */
  async until(condition: () => boolean, what: string, limit = 8): Promise<void> {
    const deadline = Date.now() + seconds(limit)
    while (!condition()) {
      if (this.ended)
        throw new Error(`it ended, and one still waited for this: ${what}\n${this.stdout}${this.stderr}`.trimEnd())
      if (Date.now() > deadline)
        throw new Error(`waited ${limit} s in vain for this: ${what}\n${this.stdout}${this.stderr}`.trimEnd())
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          this.#listeners.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, 50)
        this.#listeners.add(wake)
      })
    }
  }

  /** Called by the lab. */
  hear(event: Event): void {
    if (event.event === 'report') this.reports.push(event.line)
    if (event.event === 'output') this[event.stream] += event.text
    if (event.event === 'exit') {
      this.ended = true
      const code = event.signal
        ? 128 + (process.getBuiltinModule('node:os').constants.signals[event.signal] ?? 0)
        : event.code
      this.#end({ stdout: this.stdout, stderr: this.stderr, code })
    }
    for (const wake of this.#listeners) wake()
  }
}
