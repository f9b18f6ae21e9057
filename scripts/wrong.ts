import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '#given/errors.ts'
import { PR_SET_CHILD_SUBREAPER, prctl } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { damage, pick, randomFrom } from './lib/damage.ts'
import { buryOrphans, compareLedgers, type Ledger, takeLedger } from './lib/ledger.ts'
import { allLessons, type Found, findLesson, project } from './lib/lessons.ts'
import { type Answer, inClones } from './lib/trials.ts'
import { applyEdit, type Edit, type Right, type Wrong } from './tests/wrong/wrong.ts'

/** So many characters nobody reads. */
const TOO_MUCH = 40_000

await command(
  {
    name: 'wrong',
    usage: 'npm run wrong [LESSON…]',
    about: `For who writes lessons: do the checks check?

Each typical mistake in scripts/tests/wrong/ is put into the learner's place, in a clone of the workshop. The check that
it names must fail, and its message must have the words that help. Each solution in another style must pass. Every check
must be failed by at least one mistake: a table shows which.`,
    options: {
      random: { type: 'string', value: 'N', description: 'break the references at random instead, N times' },
      seed: { type: 'string', value: 'S', description: 'which N: 1 unless given, and one more each time' },
    },
    examples: [
      'npm run wrong                                all of them',
      'npm run wrong 08                             those of a lesson',
      'npm run wrong -- --random 200                is there always a sentence, and never a leftover?',
      'npm run wrong -- --random 1 --seed 17        the one that went wrong, once more',
    ],
    needsLinux: true,
  },
  async ({ positionals, values }) => {
    const lessons = positionals.length > 0 ? await Promise.all(positionals.map(findLesson)) : await allLessons()
    const started = Date.now()
    // Orphans come to us instead of to the machine's pid 1: so we can tell what the checks left behind.
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    const before = takeLedger()
    const faults = values.random
      ? await tryDamage(lessons, count('random', values.random), count('seed', values.seed ?? '1'))
      : await tryEdits(lessons)
    faults.push(...(await leftBehind(before)))
    const took = `${Math.round((Date.now() - started) / 1000)} s`
    if (faults.length === 0) console.log(`\n${chalk.green('All is as it should be.')} ${chalk.dim(took)}`)
    else console.log(`\n${chalk.red(`${faults.length} faults:`)} ${chalk.dim(took)}`)
    for (const fault of faults) console.log(`  ${chalk.red('✗')} ${fault}`)
    return faults.length === 0 ? 0 : 1
  },
)

function count(option: string, value: unknown): number {
  if (/^\d{1,6}$/.test(String(value))) return Number(value)
  throw new UsageError(`--${option} takes a number, not '${value}'`)
}

/** vitest's own limit for a check, and as many checks as the lesson has: nothing may take longer. */
function limitOf(lesson: Found): number {
  const file = lesson.file.replace(/\.ts$/, '.test.ts')
  const checks = readFileSync(file, 'utf8').split(/^test\(/m).length
  return seconds(20) * (checks + 1)
}

/** The finished file of a lesson. */
function referenceOf({ folder, name }: Found): string {
  return readFileSync(join(project, 'solutions', folder, `${name}.ts`), 'utf8')
}

// ── mistakes, and other styles ──────────────────────────────────────────────────────────────────────────────────────

interface Book {
  wrong?: Wrong[]
  right?: Right[]
}

interface Trial {
  lesson: Found
  edit: Wrong | Right
}

interface Check {
  name: string
  passed: boolean
  said: string[]
}

async function tryEdits(lessons: Found[]): Promise<string[]> {
  const faults: string[] = []
  const trials: Trial[] = []
  for (const lesson of lessons) {
    const { wrong = [], right = [] } = await bookOf(lesson)
    if (wrong.length < 4) faults.push(`${lesson.folder} has ${wrong.length} wrong solutions; four is the least`)
    if (right.length < 2)
      faults.push(`${lesson.folder} has ${right.length} solutions in another style; two is the least`)
    trials.push(...[...right, ...wrong].map((edit) => ({ lesson, edit })))
  }
  const table = new Map<string, Set<string>>() // of each check, which mistakes fail it
  await inClones(trials, async (place, { lesson, edit }) => {
    const task = 'check' in edit ? edit.check.slice(0, 4) : lesson.number
    const fault = await judge(lesson, edit, async (source) => {
      const checks = read(await place.check(lesson, source, [task, '--json'], limitOf(lesson)))
      for (const { name, passed } of checks) {
        const failedBy = table.get(name) ?? new Set()
        table.set(name, passed || !('check' in edit) ? failedBy : failedBy.add(edit.name))
      }
      return checks
    })
    const title = `${task.padEnd(4)} ${'check' in edit ? '' : 'right: '}${edit.name}`
    console.log(`${fault ? chalk.red('✗') : chalk.green('✓')} ${title}`)
    if (fault) faults.push(`${lesson.folder}, ${edit.name}: ${fault}`)
  })
  console.log(`\n${chalk.bold('Which mistakes fail which check')}\n`)
  for (const [name, failedBy] of [...table].sort(([a], [b]) => a.localeCompare(b))) {
    console.log(`${failedBy.size > 0 ? ' ' : chalk.red('✗')} ${name}`)
    for (const mistake of failedBy) console.log(chalk.dim(`      ${mistake}`))
    if (failedBy.size === 0) faults.push(`no mistake fails this check: ${name}`)
  }
  return faults
}

async function bookOf({ folder }: Found): Promise<Book> {
  const file = join(project, 'scripts/tests/wrong', `${folder}.ts`)
  return existsSync(file) ? import(file) : {}
}

/** What is wrong with how the checks take an edit of the reference; undefined where nothing is. */
async function judge(
  lesson: Found,
  edit: Wrong | Right,
  check: (source: string) => Promise<Check[]>,
): Promise<string | undefined> {
  try {
    const checks = await check(applyEdit(referenceOf(lesson), edit satisfies Edit))
    const failed = checks.filter(({ passed }) => !passed)
    const told = failed.map(({ name, said }) => `\n      ${[name, ...said].join('\n        ')}`).join('')
    if (!('check' in edit)) return failed.length > 0 ? `it is correct, and does not pass${told}` : undefined
    const named = failed.filter(({ name }) => name.startsWith(edit.check))
    if (named.length === 0) return `it does not fail the check ${edit.check}${told}`
    const helps = named.some(({ said }) => edit.says.test(said.join('\n')))
    return helps ? undefined : `its message does not say ${edit.says}${told}`
  } catch (error) {
    if (error instanceof UsageError) throw error // Ctrl-C
    return (error as Error).message
  }
}

/** What `check --json` printed. */
function read({ code, stdout, stderr, late }: Answer): Check[] {
  if (late) throw new Error('the checks took too long')
  try {
    const { lessons }: { lessons: { checks: Check[]; broken: string[] }[] } = JSON.parse(stdout)
    const [lesson] = lessons
    if (!lesson || lesson.checks.length === 0) throw new Error('no check ran')
    if (lesson.broken.length > 0) throw new Error(`the checks did not run: ${lesson.broken.join('\n')}`)
    return lesson.checks
  } catch (error) {
    throw new Error(`${(error as Error).message} (check ended with ${code})\n${stdout}${stderr}`)
  }
}

// ── damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────

async function tryDamage(lessons: Found[], times: number, first: number): Promise<string[]> {
  const faults: string[] = []
  const seeds = Array.from({ length: times }, (_, i) => first + i)
  await inClones(seeds, async (place, seed) => {
    const random = randomFrom(seed)
    const lesson = pick(lessons, random)
    const { how, source } = damage(referenceOf(lesson), random)
    const started = Date.now()
    const answer = await place.check(lesson, source, [lesson.number], limitOf(lesson))
    const left = await place.leftovers()
    const found = [...complaints(answer), ...left.map((what) => `it left behind: ${what}`)]
    const title = `${String(seed).padStart(3)} ${lesson.folder}: ${how}`
    const pass = /(\d+ of \d+|All \d+|The one) checks? pass|Not all checks ran/.exec(answer.stdout)?.[0] ?? 'no verdict'
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`
    console.log(`${found.length > 0 ? chalk.red('✗') : chalk.green('✓')} ${title} ${chalk.dim(`${pass}, ${took}`)}`)
    if (found.length > 0) faults.push(`${title}\n      ${found.join('\n      ')}`)
  })
  return faults
}

/** What a learner should never see of us. */
function complaints({ code, stdout, stderr, late }: Answer): string[] {
  if (late) return ['it took too long']
  const output = stdout + stderr
  const found: string[] = []
  if (code !== 0 && code !== 1) found.push(`its exit code is ${code}: ${output.slice(-2000)}`)
  const trace = /^.*\n.*\n\s+at .+(:\d+:\d+|<anonymous>)\)?$/m.exec(output)?.[0]
  if (trace) found.push(`a stack trace:\n${trace}`)
  if (/^npm |^node:internal|\[object Object\]/m.test(output)) found.push(`words of Node's: ${output.slice(-2000)}`)
  if (output.length > TOO_MUCH) found.push(`${output.length} characters of output`)
  return found
}

// ── what is left ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What this machine has and did not have before. Others may use it: what is gone a moment later was theirs, or was
 * about to go.
 */
async function leftBehind(before: Ledger): Promise<string[]> {
  const look = () => {
    buryOrphans([])
    return compareLedgers(before, takeLedger()).filter(isOurs)
  }
  let left = look()
  for (const deadline = Date.now() + seconds(10); left.length > 0 && Date.now() < deadline; await sleep(100)) {
    const now = look()
    left = left.filter((line) => now.includes(line))
  }
  return left
}

function isOurs(line: string): boolean {
  return line.includes('left behind') && (!/^(tmp|run): /.test(line) || line.includes('workshop'))
}
