import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { project } from '#given/spec.ts'

const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

/** A command in a terminal: script(1) makes one, and types into it what we write. */
class Terminal implements Disposable {
  output = ''
  readonly #script: ChildProcess

  constructor(command: string[]) {
    const line = `exec ${command.map((word) => `'${word}'`).join(' ')}`
    const env = { ...process.env, TERM: 'dumb', SHELL: '/bin/sh' }
    this.#script = spawn('script', ['-qec', line, '/dev/null'], { cwd: project, stdio: ['pipe', 'pipe', 2], env })
    this.#script.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
  }

  /** Types, and waits for an answer that was not there before. */
  async type(text: string, answer: RegExp): Promise<void> {
    const before = this.output.length
    this.#script.stdin?.write(text)
    await this.until(() => answer.test(this.output.slice(before)), `${answer} after ${JSON.stringify(text)}`)
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

const box = (...args: string[]) => {
  ensureRootfs()
  return new Terminal([process.execPath, 'scripts/box.ts', 'run', '--reference', ...args])
}

test.each([
  ['as pid 1', []],
  ['behind an init', ['--init']],
  ['in a lab', ['--without', 'uts']],
])('a shell in a terminal has job control, survives Ctrl-C, and its exit code is its own: %s', async (_, options) => {
  using terminal = box(...options, '--', 'sh')
  await terminal.type('', /# $/)
  for (let i = 0; i < 3; i++) await terminal.type(CTRL_C, /# $/)
  await terminal.type('sleep 60 && echo slept\n', /slept\r\n$/)
  await terminal.type(CTRL_C, /# $/)
  await terminal.type('echo code $?\n', /code 130\r\n/)
  await terminal.type('sleep 61\n', /sleep 61\r\n$/)
  await terminal.type(CTRL_Z, /Stopped/)
  await terminal.type('fg\n', /fg\r\n.*sleep 61\r\n$/)
  await terminal.type(CTRL_C, /# $/)
  expect(await terminal.end('exit 3\n'), terminal.output).toBe(3)
  expect(terminal.output).not.toMatch(/tty|job control/)
})

test('a lab has a prompt that says so, and job control', async () => {
  using terminal = new Terminal([process.execPath, '--import', 'tsx', 'scripts/lab.ts'])
  await terminal.type('', /\[lab\] .*# $/)
  expect(terminal.output).not.toMatch(/job control|ioctl/)
  await terminal.type('sleep 60\n', /sleep 60\r\n/)
  await terminal.type(CTRL_C, /\[lab\] .*# $/)
  expect(await terminal.end('exit 4\n'), terminal.output).toBe(4)
})

test('a command that Ctrl-C does not reach, as pid 1, is killed by a second one', async () => {
  using terminal = box('--', 'cat') // no shell, which catches SIGINT until its exec
  await terminal.type('ready\n', /ready\r\nready\r\n/) // the terminal's echo, and cat's
  // Two that wait at the same time are one: signal(7). So more than two may have to be typed.
  for (let i = 0; i < 100 && !terminal.ended; i++, await sleep(50)) terminal.write(CTRL_C)
  expect(await terminal.end()).toBe(137)
})

test('behind an init, the first one ends it', async () => {
  using terminal = box('--init', '--', 'sh', '-c', 'echo ready; exec sleep 60')
  await terminal.type('', /ready/)
  expect(await terminal.end(CTRL_C)).toBe(130)
})
