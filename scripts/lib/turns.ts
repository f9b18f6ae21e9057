import type { Outcome } from './progress.ts'

interface Named {
  name: string
}

/** Checks in the order in which they run: those of one task, such as `04.2`, before all others. */
export function taskFirst<T extends Named>(checks: T[], task: string | undefined): T[] {
  if (task === undefined) return checks
  const isOfTask = ({ name }: T) => name.startsWith(`${task} `)
  return [...checks.filter(isOfTask), ...checks.filter((check) => !isOfTask(check))]
}

/**
 * Tells the outcomes of checks one after the other in the order of their file, each as soon as it is its turn: some checks
 * run side by side, and end in any order.
 */
export class Turns {
  readonly #tell: (outcome: Outcome) => void
  readonly #first: string | undefined
  readonly #came = new Map<string, Outcome>()
  #file: string[] = []
  #due: Named[] = []

  /** @param first the task whose turn comes before all others */
  constructor(tell: (outcome: Outcome) => void, first?: string) {
    this.#tell = tell
    this.#first = first
  }

  /** All that has come, in the order of the file. */
  get outcomes(): Outcome[] {
    return this.#file.flatMap((name) => this.#came.get(name) ?? [])
  }

  /** These checks will run: in the order of their file. */
  expect(checks: Iterable<Named>): void {
    const more = Array.from(checks, ({ name }) => ({ name }))
    this.#file = [...this.#file, ...more.map(({ name }) => name)]
    this.#due = taskFirst([...this.#due, ...more], this.#first)
  }

  take(outcome: Outcome): void {
    this.#came.set(outcome.name, outcome)
    this.#goOn()
  }

  /** It was skipped: nothing will come of it. */
  skip(name: string): void {
    this.#due = this.#due.filter((check) => check.name !== name)
    this.#goOn()
  }

  #goOn(): void {
    for (;;) {
      const outcome = this.#came.get(this.#due[0]?.name ?? '')
      if (!outcome) return
      this.#due.shift()
      this.#tell(outcome)
    }
  }
}
