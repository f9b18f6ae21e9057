import { inProject, UsageError } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import { Checks, type Verdict } from './lib/checks.ts'
import { command } from './lib/command.ts'
import { allLessons, type Found, findLesson } from './lib/lessons.ts'
import { isPassed } from './lib/progress.ts'
import { printOutcome } from './lib/reporter.ts'

await command(
  {
    name: 'check',
    usage: 'npm run check 04',
    about: 'Runs the checks of a lesson against your file. A number, a name or a folder; none means where you are.',
    options: {
      reference: { type: 'boolean', description: 'check the reference instead of your file' },
    },
    examples: ['npm run check 04', 'npm run check uts', 'npm run check lessons/04-uts/', 'npm run check all'],
    needsLinux: true,
  },
  async ({ positionals, values }) => {
    if (positionals.length > 1) throw new UsageError('one lesson at a time, or `npm run check all`')
    const reference = Boolean(values.reference)
    const lessons = await wanted(positionals[0])
    await using checks = await Checks.open({ reference })
    let failed = 0
    for (const lesson of lessons) if (!(await check(checks, lesson, reference)).passed) failed++
    if (lessons.length > 1) console.log(`\n${lessons.length - failed} of ${lessons.length} lessons pass.`)
    return failed === 0 ? 0 : 1
  },
)

/** The lessons to check; without a wish, the first one that is not done. */
async function wanted(wish: string | undefined): Promise<Found[]> {
  if (wish === 'all') return allLessons()
  if (wish) return [await findLesson(wish)]
  const lessons = await allLessons()
  const current = lessons.find((lesson) => !isPassed(lesson.folder, lesson.file)) ?? lessons.at(-1)
  return current ? [current] : []
}

async function check(checks: Checks, lesson: Found, reference: boolean): Promise<Verdict> {
  const file = reference ? lesson.file.replace('/lessons/', '/solutions/') : lesson.file
  console.log(`\n${chalk.bold(`${lesson.number} · ${lesson.title}`)}   ${chalk.dim(inProject(file))}\n`)
  const verdict = await checks.run(lesson, printOutcome)
  for (const message of verdict.broken) console.log(`  ${chalk.red('✗')} the checks did not run: ${message}`)
  console.log(`\n${summary(verdict)}`)
  const next = nextOf(verdict)
  if (next && !reference) console.log(`Next: ${next}. Your file: ${inProject(lesson.file)}`)
  return verdict
}

/** The first check that failed, or what keeps all of them from running. */
function nextOf({ outcomes }: Verdict): string | undefined {
  const first = outcomes.find(({ passed }) => !passed)
  return first?.said.find((line) => line.includes('cannot be loaded')) ?? first?.name
}

function summary({ outcomes }: Verdict): string {
  const passed = outcomes.filter((outcome) => outcome.passed).length
  if (outcomes.length === 0) return chalk.red('No check ran.')
  if (passed < outcomes.length) return `${passed} of ${outcomes.length} checks pass.`
  return chalk.green(passed === 1 ? 'The one check passes.' : `All ${passed} checks pass.`)
}
