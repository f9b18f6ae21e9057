import { stripVTControlCharacters } from 'node:util'
import type { Reporter, TestCase } from 'vitest/node'
import { chalk } from '#given/show.ts'

/** Tells the learner what became of each check. Never a stack trace: the checks' own words are what helps. */
export class LessonReporter implements Reporter {
  passed = 0
  failed = 0
  /** The first check that failed, by its name. */
  next: string | undefined
  /** What kept a file of checks from running at all. */
  readonly broken: string[] = []

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result()
    if (state === 'passed') {
      this.passed++
      console.log(`  ${chalk.green('✓')} ${test.name}`)
      return
    }
    this.failed++
    this.next ??= test.name
    console.log(`  ${chalk.red('✗')} ${chalk.bold(test.name)}`)
    for (const line of describeFailure(errors?.[0])) console.log(`      ${line}`)
  }

  onTestModuleEnd(module: { errors(): readonly { message: string }[] }): void {
    for (const { message } of module.errors()) this.broken.push(message)
  }
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
  if (unwritten)
    return [chalk.yellow(unwritten.replace(/^(AssertionError: |box: |")+|"$/g, '').replace(/: expected '.*$/s, ''))]
  // A check that wants standard error empty, or a container that did not start: the engine's own sentence says it.
  const engine = [error.expected === '' ? error.actual : '', text].find((said) => String(said).startsWith('box: '))
  if (engine) return String(engine).slice('box: '.length).trimEnd().split('\n')
  const [first = '', ...more] = text.replace(/ \/\/ Object\.is equality$/, '').split('\n')
  const said = first.match(/^(.*): expected .* (?:to|not to) .*$/s)?.[1]
  if (!said || !('expected' in error)) return [first, ...more.slice(0, 12)]
  return [said, ...labelled('expected', error.expected), ...labelled('received', error.actual)]
}

function labelled(label: string, value: unknown): string[] {
  const [first = '', ...more] = show(value).trimEnd().split('\n').slice(0, 12)
  return [`${chalk.dim(label)}  ${first}`, ...more.map((line) => `          ${line}`)]
}

function show(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '(nothing)' : value
  return value === undefined ? '(nothing)' : (JSON.stringify(value) ?? String(value))
}
