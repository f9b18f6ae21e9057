import { emitKeypressEvents, type Key } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { wrap } from '../lib/wrap.ts'

const PLAIN = process.env.TERM === 'dumb' // one that cannot move its cursor

/**
 * The terminal, while `npm run learn` has it: keys come one by one and are not echoed. Everybody else (the shell, a demo)
 * gets it back as it was: release().
 */
export class Terminal implements Disposable {
  readonly #onKey: (key: string) => void
  #taken = false

  /** @param onKey gets the name of each key: `h`, `return`, `ctrl-c`; `ctrl-d` too where the input ends */
  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey
    emitKeypressEvents(process.stdin)
    process.stdin.on('keypress', this.#listen)
    process.stdin.on('end', this.#end)
    this.take()
  }

  readonly #listen = (_: string | undefined, { name = '', ctrl }: Key) => {
    if (this.#taken) this.#onKey(ctrl ? `ctrl-${name}` : name)
  }

  readonly #end = () => this.#onKey('ctrl-d')

  /** Can it draw over what is there? */
  get canRedraw(): boolean {
    return !PLAIN
  }

  get columns(): number {
    return process.stdout.columns || 80
  }

  get rows(): number {
    return process.stdout.rows || 24
  }

  take(): void {
    process.stdin.setRawMode(true)
    process.stdin.resume()
    this.#taken = true
  }

  /** Gives it back, below what is there. Safe to call twice, and when the terminal is gone. */
  release(): void {
    if (!this.#taken) return
    this.#taken = false
    try {
      process.stdin.setRawMode(false)
      process.stdin.pause()
      process.stdout.write('\n')
    } catch {
      // The terminal is gone: there is nobody to give it back to.
    }
  }

  /** Shows these lines in place of all others, and the last ones at the bottom. `whole` may scroll; the rest is cut. */
  show(lines: string[], bottom: string[], whole = false): void {
    if (PLAIN) {
      process.stdout.write(`\n${[...lines, '', ...bottom].join('\n')}\n`)
      return
    }
    const fitting = this.#broken(lines)
    const room = this.#room(bottom)
    const shown = whole || fitting.length <= room ? fitting : [...fitting.slice(0, room - 1), '…']
    const filled = [...shown, ...Array(Math.max(0, room - shown.length)).fill(''), '', ...bottom]
    process.stdout.write(`\x1b[H${filled.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`)
  }

  /** Would show() show all of these lines? */
  hasRoom(lines: string[], bottom: string[]): boolean {
    return PLAIN || this.#broken(lines).length <= this.#room(bottom)
  }

  #broken(lines: string[]): string[] {
    return lines.flatMap((line) => fitted(line, this.columns))
  }

  /** How many lines there are above those at the bottom. */
  #room(bottom: string[]): number {
    return Math.max(1, this.rows - bottom.length - 1)
  }

  /** Empties the screen for somebody else. */
  clear(): void {
    if (!PLAIN) process.stdout.write('\x1b[H\x1b[J')
  }

  [Symbol.dispose](): void {
    this.release()
    process.stdin.off('keypress', this.#listen)
    process.stdin.off('end', this.#end)
  }
}

/** A line that is too long for the screen is broken, or all below it would be one line off. It loses its colours. */
function fitted(line: string, columns: number): string[] {
  return widthOf(line) <= columns ? [line] : wrap(stripVTControlCharacters(line), columns)
}

/** How many columns a text takes, colours left out. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
