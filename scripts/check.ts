import { once } from 'node:events'
import { resolve } from 'node:path'
import { inProject, UsageError } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import type { Checks, Verdict } from './lib/checks.ts'
import { callersFolder, command } from './lib/command.ts'
import { lookUp, rememberCurrent, type Wish } from './lib/current.ts'
import { allLessons } from './lib/lessons.ts'
import { printOutcome } from './lib/reporter.ts'
import { watchLesson } from './lib/watch.ts'

await command(
  {
    name: 'check',
    usage: 'npm run check [LESSON|TASK…]',
    about: `Runs the checks of lessons against your files. A number, a name or a folder; none means where you are.

--json prints one object, and nothing else:
  { "passed": boolean,
    "lessons": [{ "lesson": "04-uts", "title": string, "file": "lessons/04-uts/uts.ts", "passed": boolean,
                  "checks": [{ "task": "04.1", "name": string, "passed": boolean, "said": [string] }],
                  "broken": [string] }] }
"said" is what a failed check said, line by line; "broken" is what kept checks from running at all.
The exit code is 0 when all pass, 1 when one fails, 2 for a mistake in what you typed.`,
    options: {
      reference: { type: 'boolean', description: 'check the reference instead of your file' },
      watch: { type: 'boolean', short: 'w', description: 'check again whenever you save; Ctrl-C ends it' },
      json: { type: 'boolean', description: 'for a program to read' },
      junit: { type: 'string', value: 'FILE', description: 'write a JUnit report too, for CI' },
    },
    examples: [
      'npm run check                 the lesson where you are',
      'npm run check 04              a lesson: or uts, or lessons/04-uts/',
      'npm run check 04.2            one task of it',
      'npm run check 02 04           two lessons',
      'npm run check all',
      'npm run check 04 -- --watch',
      'npm run check all -- --json --junit report.xml',
    ],
    needsLinux: true,
  },
  async ({ positionals, values }) => {
    const { reference = false, json = false, watch = false, junit } = values
    if (watch && (json || junit)) throw new UsageError('--watch goes on for ever: no --json or --junit with it')
    const wishes = await wanted(positionals)
    const { Checks } = await import('./lib/checks.ts') // vitest: two thirds of the start of a --help, or a refusal
    const say: Say = json ? () => {} : (text) => console.log(text)
    const file = typeof junit === 'string' ? resolve(callersFolder, junit) : ''
    await using checks = await Checks.open({ reference: Boolean(reference), junit: file })
    const run = (wish: Wish) => check(checks, wish, Boolean(reference), say)
    const verdicts: Verdict[] = []
    for (const wish of wishes) verdicts.push(await run(wish))
    const failed = verdicts.filter(({ passed }) => !passed).length
    if (json) console.log(JSON.stringify(asData(wishes, verdicts, Boolean(reference)), null, 2))
    if (wishes.length > 1) say(`\n${wishes.length - failed} of ${wishes.length} lessons pass.`)
    if (watch) await forEver(wishes, run)
    return failed === 0 ? 0 : 1
  },
)

type Say = (text: string) => void

/** What to check. A single lesson that is named is where the learner is from now on. */
async function wanted(positionals: string[]): Promise<Wish[]> {
  if (positionals.includes('all')) return (await allLessons()).map((lesson) => ({ lesson }))
  const [first, ...more] = positionals
  const wish = await lookUp(first)
  if (first && more.length === 0) rememberCurrent(wish.lesson)
  return [wish, ...(await Promise.all(more.map(lookUp)))]
}

async function check(checks: Checks, { lesson, task }: Wish, reference: boolean, say: Say): Promise<Verdict> {
  const file = fileOf({ lesson }, reference)
  say(`\n${chalk.bold(`${lesson.number} · ${lesson.title}`)}   ${chalk.dim(file)}\n`)
  const verdict = await checks.run(lesson, (outcome) => printOutcome(outcome, say), { task: task?.id })
  for (const message of verdict.broken) say(`  ${chalk.red('✗')} the checks did not run: ${message}`)
  say(`\n${summary(verdict, task?.id)}`)
  const next = nextOf(verdict)
  if (next && !reference) say(`Next: ${next}. Your file: ${file}`)
  if (next && !reference) say(chalk.dim(`Stuck? npm run hint ${task?.id ?? lesson.number}`))
  return verdict
}

/** The first check that failed, or what keeps all of them from running. */
function nextOf({ outcomes }: Verdict): string | undefined {
  const first = outcomes.find(({ passed }) => !passed)
  return first?.said.find((line) => line.includes('cannot be loaded')) ?? first?.name
}

function summary({ outcomes, broken }: Verdict, task: string | undefined): string {
  const of = task ? ` of task ${task}` : ''
  const passed = outcomes.filter((outcome) => outcome.passed).length
  if (outcomes.length === 0 || broken.length > 0) return chalk.red('Not all checks ran.')
  if (passed < outcomes.length) return `${passed} of ${outcomes.length} checks${of} pass.`
  return chalk.green(passed === 1 ? `The one check${of} passes.` : `All ${passed} checks${of} pass.`)
}

/** Waits for files to change, and checks them again, one lesson after the other. */
async function forEver(wishes: Wish[], run: (wish: Wish) => Promise<unknown>): Promise<void> {
  const waiting = new Set<Wish>()
  const bell = new EventTarget()
  const watchers = wishes.map((wish) => {
    return watchLesson(wish.lesson, () => {
      waiting.add(wish)
      bell.dispatchEvent(new Event('saved'))
    })
  })
  using _ = { [Symbol.dispose]: () => watchers.forEach((watcher) => void watcher[Symbol.dispose]()) }
  for (;;) {
    const [wish] = waiting
    if (wish) {
      waiting.delete(wish)
      await run(wish)
      continue
    }
    console.log(chalk.dim('\nWaiting for you to save. Ctrl-C ends this.'))
    await once(bell, 'saved')
  }
}

function fileOf({ lesson }: Wish, reference: boolean): string {
  const file = inProject(lesson.file)
  return reference ? file.replace(/^lessons/, 'solutions') : file
}

/** As --help describes it. */
function asData(wishes: Wish[], verdicts: Verdict[], reference: boolean) {
  const lessons = verdicts.map(({ passed, outcomes, broken }, i) => {
    const wish = wishes[i] as Wish
    const { folder, title } = wish.lesson
    const checks = outcomes.map((outcome) => ({ task: outcome.name.split(' ')[0], ...outcome }))
    return { lesson: folder, title, file: fileOf(wish, reference), passed, checks, broken }
  })
  return { passed: verdicts.every((verdict) => verdict.passed), lessons }
}
