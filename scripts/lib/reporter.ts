import { stripVTControlCharacters } from 'node:util'
import type { Reporter, TestCase } from 'vitest/node'
import { chalk } from '#given/show.ts'
import type { Outcome } from './progress.ts'

/** Tells the learner what became of each check. Never a stack trace: the checks' own words are what helps. */
export class LessonReporter implements Reporter {
  readonly outcomes: Outcome[] = []
  /** What kept a file of checks from running at all. */
  readonly broken: string[] = []
  readonly #tell: (outcome: Outcome) => void

  constructor(tell: (outcome: Outcome) => void) {
    this.#tell = tell
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result()
    if (state === 'skipped') return
    const passed = state === 'passed'
    const outcome = {
      name: test.name,
      passed,
      said: passed ? [] : describeFailure(errors?.[0]).slice(0, MOST_LINES).map(shortened),
    }
    this.outcomes.push(outcome)
    this.#tell(outcome)
  }

  onTestModuleEnd(module: { errors(): readonly { message: string }[] }): void {
    for (const { message } of module.errors()) this.broken.push(message)
  }
}

/** Prints what became of a check. */
export function printOutcome({ name, passed, said }: Outcome, say: (line: string) => void): void {
  say(passed ? `  ${chalk.green('✓')} ${name}` : `  ${chalk.red('✗')} ${chalk.bold(name)}`)
  for (const line of said) say(`      ${coloured(line)}`)
}

/** A line of what a check said, with colours: they are not remembered with it. */
export function coloured(line: string): string {
  if (isUnwritten(line)) return chalk.yellow(line)
  return line.replace(/^(expected|expected anything but|received) {2}/, (label) => chalk.dim(label))
}

/** Does a check say that there is nothing to check yet? */
export function isUnwritten(line: string): boolean {
  return line.includes('not written yet')
}

/** A container may have said very much, and a screen has room for so much. */
const MOST_LINES = 30
const MOST_CHARACTERS = 1000

function shortened(line: string): string {
  const more = line.length - MOST_CHARACTERS
  return more > 0 ? `${line.slice(0, MOST_CHARACTERS)}… (and ${more} characters more)` : line
}

interface Failure {
  message: string
  expected?: unknown
  actual?: unknown
}

/** A failed check in the learner's words: its message, and what was expected and came. */
function describeFailure(error: Failure | undefined): string[] {
  if (!error) return ['it failed and did not say why']
  const text = stripVTControlCharacters(error.message)
  const unwritten = /^.*not written yet.*$/m.exec(`${show(error.actual)}\n${text}`)?.[0]
  if (unwritten) return [unwritten.replace(/^(AssertionError: |box: |")+|"$/g, '').replace(/: expected .*$/s, '')]
  // A check that wants standard error empty, or a container that did not start: the engine's own sentence says it.
  const engine = [error.expected === '' ? error.actual : '', text].find((said) => String(said).startsWith('box: '))
  const compared = /^(?:([\s\S]+?): )?expected [\s\S]+ (not )?to [a-z]/.exec(text)
  if (engine) return `${String(engine).slice('box: '.length).trimEnd()}\n${compared?.[1] ?? ''}`.trimEnd().split('\n')
  const lines = text.replace(/ \/\/ Object\.is equality$/, '').split('\n')
  if (!compared || !('expected' in error)) return lines.slice(0, 13)
  const [, said, not] = compared
  const [expected, received] = differing(error.expected, error.actual)
  const label = not ? 'expected anything but' : 'expected'
  return [...(said ? said.split('\n') : []), ...labelled(label, expected), ...labelled('received', received)]
}

/** Two values as text, from where they differ. Where the eye would see no difference, as JSON has them. */
function differing(expected: unknown, actual: unknown): [string[], string[]] {
  const [one, other] = [show(expected).split('\n'), show(actual).split('\n')]
  const [a, b] = [one.join('\n').trim(), other.join('\n').trim()]
  if (a === b || CONTROL.test(a + b)) return [[JSON.stringify(expected) ?? a], [JSON.stringify(actual) ?? b]]
  const first = one.findIndex((line, i) => line !== other[i])
  return first > 3
    ? [
        ['…', ...one.slice(first)],
        ['…', ...other.slice(first)],
      ]
    : [one, other]
}

const CONTROL = /[^\P{Cc}\n\t]/u

function labelled(label: string, lines: string[]): string[] {
  const [first = '', ...more] = lines.slice(0, 12)
  return [`${label}  ${first}`, ...more.filter(Boolean).map((line) => `          ${line}`)]
}

function show(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(nothing)' : value.trimEnd()
  return value === undefined ? '(nothing)' : (JSON.stringify(value) ?? String(value))
}
