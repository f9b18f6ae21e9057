import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'

/** A command in a terminal: script(1) makes one, and types into it what we write. */
export class Terminal implements Disposable {
  output = ''
  readonly #script: ChildProcess

  constructor(command: string[], { cwd = project, env: own = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    const line = `exec ${command.map((word) => `'${word}'`).join(' ')}`
    const env = { ...process.env, TERM: 'dumb', SHELL: '/bin/sh', ...own }
    this.#script = spawn('script', ['-qec', line, '/dev/null'], { cwd, stdio: ['pipe', 'pipe', 2], env })
    this.#script.stdin?.on('error', () => {}) // EPIPE: what is typed after its end is lost, as it would be
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
  }

  /** Types, and waits for an answer that was not there before. */
  async type(text: string, answer: RegExp): Promise<void> {
    const before = this.output.length
    let read = before
    const answered = () => {
      if (this.output.length === read) return false // a pattern takes its time on a long output: not each 10 ms
      read = this.output.length
      return answer.test(this.output.slice(before))
    }
    this.#script.stdin?.write(text)
    await this.until(answered, `${answer} after ${JSON.stringify(text)}`)
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (const deadline = Date.now() + seconds(10); !condition(); await sleep(10)) {
      if (Date.now() > deadline) throw new Error(`in vain: ${what}\n${this.output}`)
    }
  }

  write(text: string): void {
    this.#script.stdin?.write(text)
  }

  get ended(): boolean {
    return this.#script.exitCode !== null
  }

  async end(text = ''): Promise<number | null> {
    if (this.ended) return this.#script.exitCode
    if (text) this.#script.stdin?.write(text)
    const [code] = await once(this.#script, 'close')
    return code
  }

  [Symbol.dispose](): void {
    this.#script.kill('SIGKILL') // the terminal hangs up, and its session ends
  }
}
