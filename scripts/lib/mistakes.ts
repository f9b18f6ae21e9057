/*
 * Do the checks check? Typical mistakes must fail, each at the check that it names and with words that help; solutions in
 * another style must pass; and every check must be failed by a mistake.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chalk } from '#given/show.ts'
import { applyEdit, type Right, type Wrong } from '../tests/wrong/wrong.ts'
import { type Found, project } from './lessons.ts'
import type { Outcome } from './progress.ts'
import { type Answer, inClones, limitOf, type Place, referenceOf } from './trials.ts'

interface Trial {
  lesson: Found
  edit: Wrong | Right
  /** What to check: of a mistake its own task, which is quicker; of another style the whole lesson. */
  what: string
  source: string
}

/** Tries all that there is for these lessons, prints a table, and returns what was not as it should be. */
export async function tryMistakes(lessons: Found[]): Promise<string[]> {
  const faults: string[] = []
  const trials = await Promise.all(lessons.map((lesson) => trialsFor(lesson, faults)))
  const failedBy = new Map<string, string[]>() // of each check, the mistakes that fail it
  await inClones(rounds(trials), async (place, round) => {
    const results = await run(place, round)
    for (const [i, trial] of round.entries()) {
      const { edit, lesson, what } = trial
      const result = results[i] ?? 'it was not checked'
      const fault = typeof result === 'string' ? result : judge(edit, result)
      const title = `${what.padEnd(4)} ${isWrong(edit) ? '' : 'another style: '}${edit.name}`
      console.log(`${fault ? chalk.red('✗') : chalk.green('✓')} ${title}`)
      if (fault) faults.push(`${lesson.folder}, ${edit.name}: ${fault}`)
      if (typeof result === 'string') continue
      for (const { name, passed } of result) {
        const before = failedBy.get(name) ?? []
        failedBy.set(name, isWrong(edit) && !passed ? [...before, edit.name] : before)
      }
    }
  })
  printTable(failedBy)
  for (const [name, mistakes] of failedBy)
    if (mistakes.length === 0) faults.push(`no mistake fails this check: ${name}`)
  return faults
}

async function trialsFor(lesson: Found, faults: string[]): Promise<Trial[]> {
  const file = join(project, 'scripts/tests/wrong', `${lesson.folder}.ts`)
  const { wrong = [], right = [] }: { wrong?: Wrong[]; right?: Right[] } = existsSync(file) ? await import(file) : {}
  if (wrong.length < 4) faults.push(`${lesson.folder} has ${wrong.length} mistakes; four is the least`)
  if (right.length < 2) faults.push(`${lesson.folder} has ${right.length} solutions in another style; two is the least`)
  const reference = referenceOf(lesson)
  return [...right, ...wrong].flatMap((edit) => {
    try {
      const what = isWrong(edit) ? edit.check.slice(0, '00.0'.length) : lesson.number
      return { lesson, edit, what, source: applyEdit(reference, edit) }
    } catch (error) {
      faults.push(`${lesson.folder}, ${edit.name}: ${(error as Error).message}`)
      return []
    }
  })
}

function isWrong(edit: Wrong | Right): edit is Wrong {
  return 'check' in edit
}

/** So many lessons are checked at once: the start of `check` takes longer than most checks. */
const AT_ONCE = 5

/** Trials of different lessons together, since each stands in its own lesson's file. */
function rounds(trials: Trial[][]): Trial[][] {
  const left = trials.map((list) => [...list])
  const all: Trial[][] = []
  while (left.some((list) => list.length > 0)) {
    left.sort((a, b) => b.length - a.length)
    all.push(left.slice(0, AT_ONCE).flatMap((list) => list.shift() ?? []))
  }
  return all
}

/** What came of the checks of each trial, or in words why nothing came. */
async function run(place: Place, round: Trial[]): Promise<(Outcome[] | string)[]> {
  const limit = round.reduce((sum, { lesson }) => sum + limitOf(lesson), 0)
  const answer = await place.check(round, [...round.map(({ what }) => what), '--json'], limit)
  try {
    return read(answer)
  } catch (error) {
    return round.map(() => `${(error as Error).message} (check ended with ${answer.code})\n${answer.stderr}`)
  }
}

/** What `check --json` printed. */
function read({ stdout, late }: Answer): (Outcome[] | string)[] {
  if (late) throw new Error('the checks took too long')
  const { lessons }: { lessons: { checks: Outcome[]; broken: string[] }[] } = JSON.parse(stdout)
  return lessons.map(({ checks, broken }) => {
    if (broken.length > 0) return `the checks did not run: ${broken.join('\n')}`
    return checks.length > 0 ? checks : 'no check ran'
  })
}

/** What is wrong with how the checks took an edit of the reference; undefined where nothing is. */
function judge(edit: Wrong | Right, checks: Outcome[]): string | undefined {
  const failed = checks.filter(({ passed }) => !passed)
  const told = failed.map(({ name, said }) => `\n      ${[name, ...said].join('\n        ')}`).join('')
  if (!isWrong(edit)) return failed.length > 0 ? `it is correct, and does not pass${told}` : undefined
  const named = failed.filter(({ name }) => name.startsWith(edit.check))
  if (named.length === 0) return `it does not fail the check ${edit.check}${told}`
  const helps = named.some(({ said }) => edit.says.test(said.join('\n')))
  return helps ? undefined : `its message does not say ${edit.says}${told}`
}

function printTable(failedBy: Map<string, string[]>): void {
  console.log(`\n${chalk.bold('Which mistakes fail which check')}\n`)
  for (const [name, mistakes] of [...failedBy].sort(([a], [b]) => a.localeCompare(b))) {
    console.log(`${mistakes.length > 0 ? ' ' : chalk.red('✗')} ${name}`)
    for (const mistake of mistakes) console.log(chalk.dim(`      ${mistake}`))
  }
}
