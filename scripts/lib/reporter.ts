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
  return line.replace(/^(?:expected(?: anything but)?|received|kernel|why|see) {2,}/, (label) => chalk.dim(label))
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

/** A failed check in the learner's words: what was expected, what came, why, and which man page to read. */
function describeFailure(error: Failure | undefined): string[] {
  if (!error) return ['it failed and did not say why']
  const text = stripVTControlCharacters(error.message)
    .replace(NATIVE, '')
    .replace(/ \/\/ Object\.is equality$/, '')
  // A check takes it for unwritten, but the engine has failed before: then that is what to mend.
  const [, guess = '', engine = ''] = ENGINE.exec(text) ?? []
  if (isUnwritten(guess) && !isUnwritten(engine)) return describeFailure({ message: engine })
  const unwritten = /^.*not written yet.*$/m.exec(`${show(error.actual)}\n${text}`)?.[0]
  if (unwritten)
    return [unwritten.replace(/^(kernel {4}|AssertionError: |box: |")+|"$/g, '').replace(/: (expected .*)?$/s, '')]
  const { why, told, see } = takeApart(text, error)
  const reason = why.replace(REFERENCE, '').trim()
  return [...told, ...labelled('why', reason.split('\n')), ...labelled('see', [pages(`${why}\n${see}`)])]
}

interface Parts {
  /** What the check itself gave as its reason: `expect(box, why)`. */
  why: string
  told: string[]
  /** Where man pages may be named. */
  see: string
}

function takeApart(text: string, error: Failure): Parts {
  // A check that wants standard error empty, or a container that did not start: the engine's own sentence says it.
  const stderr = error.expected === '' ? String(error.actual).replace(NATIVE, '') : ''
  const engine = stderr.startsWith('box: ') ? [text, COMPARED.exec(text)?.[1], stderr] : ENGINE.exec(text)
  if (engine) {
    const said = (engine[2] ?? '').slice('box: '.length).trimEnd().split('\n')
    return { why: engine[1] ?? '', told: said, see: said[0] ?? '' }
  }
  const [, why = '', wanted = '', kernel = '', see = ''] = TELLING.exec(text) ?? []
  if (wanted) {
    const both = error.expected === undefined ? [wanted, kernel].map((part) => part.split('\n')) : differing(error)
    return { why, told: [...labelled('expected', both[0] ?? []), ...labelled('kernel', both[1] ?? [])], see }
  }
  const compared = COMPARED.exec(text)
  const rest = text.slice(compared?.[1] === undefined ? 0 : compared[1].length + ': '.length)
  if (!compared || !('expected' in error)) {
    return { why: compared?.[1] ?? '', told: rest.split('\n').slice(0, 13), see: '' }
  }
  const [, reason = '', not = '', verb] = compared
  const [, notIn = '', item] = error.expected === undefined ? (INCLUDED.exec(text) ?? []) : []
  if (item !== undefined) {
    const told = [
      ...labelled('expected', [`${notIn}to contain ${item}`]),
      ...labelled('received', [show(error.actual)]),
    ]
    return { why: reason, told, see: '' }
  }
  const [expected, received] = differing(error)
  const label = not && !verb ? 'expected anything but' : 'expected'
  const [first = '', ...more] = expected
  const wish = verb ? [`${not}to ${verb} ${first}`, ...more] : expected
  return { why: reason, told: [...labelled(label, wish), ...labelled('received', received)], see: '' }
}

/** What Node prints when it is aborted, before the engine's own sentence. */
const NATIVE = /\n*----- Native stack trace[\s\S]*?(?=\nbox: )/
/** What the matchers of given/expect.ts say, behind the reason. */
const TELLING = /^(?:([\s\S]*?): )?\nexpected {2}([\s\S]*?)\nkernel {4}([\s\S]*?)(?:\nsee {7}(.+))?$/
/** The same where the engine or the lesson's code failed before there was anything to compare. */
const ENGINE = /^(?:([\s\S]*?): )?\n?(box: [\s\S]*)$/
/** What vitest says: `why: expected 3 to be greater than 4`. How it compared, unless that was for equality. */
const COMPARED =
  /^(?:([\s\S]+?): )?expected [\s\S]+(?<! not) (not )?to (?:(contain|match(?! object)|be (?:greater|less) than(?: or equal to)?)|[a-z])/

/** What a list was to contain: vitest has that in its sentence alone. */
const INCLUDED = / to (not )?include '?([\s\S]+?)'?$/

/** The references at the end of a reason, which are shown by themselves. */
const REFERENCE = /: (?:[\w.-]+\([1-8]\)(?: "[^"]+")?(?:, |$))+$/
const PAGE = /[\w.-]+\([1-8]\)(?: "[^"]+")?/g

function pages(text: string): string {
  return [...new Set(text.match(PAGE))].join(', ')
}

/** Two values as text, from where they differ. Where the eye would see no difference, as JSON has them. */
function differing({ expected, actual }: Pick<Failure, 'expected' | 'actual'>): [string[], string[]] {
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

/** A part of what is told, behind its name; nothing where there is nothing. */
function labelled(label: string, lines: string[]): string[] {
  const [first = '', ...more] = lines.slice(0, 12)
  if (lines.join('') === '') return []
  return [`${label.padEnd(8)}  ${first}`, ...more.filter(Boolean).map((line) => `          ${line}`)]
}

function show(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(nothing)' : value.trimEnd()
  return value === undefined ? '(nothing)' : (JSON.stringify(value) ?? String(value))
}
