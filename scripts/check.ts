import { join } from 'node:path'
import { startVitest } from 'vitest/node'
import { inProject, UsageError } from '#given/errors.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { allLessons, type Found, findLesson, project } from './lib/lessons.ts'
import { isPassed, record } from './lib/progress.ts'
import { LessonReporter } from './lib/reporter.ts'
import { warmCache } from './lib/warm.ts'

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
    ensureRootfs()
    warmCache()
    let failed = 0
    for (const lesson of lessons) if (!(await check(lesson, reference))) failed++
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

async function check(lesson: Found, reference: boolean): Promise<boolean> {
  const file = reference ? lesson.file.replace('/lessons/', '/solutions/') : lesson.file
  console.log(`\n${chalk.bold(`${lesson.number} · ${lesson.title}`)}   ${chalk.dim(inProject(file))}\n`)
  const reporter = new LessonReporter()
  const vitest = await startVitest('test', [join('lessons', lesson.folder) + '/'], {
    root: project,
    watch: false,
    project: [reference ? 'reference' : 'learner'],
    reporters: [reporter],
  })
  await vitest.close()
  for (const message of reporter.broken) console.log(`  ${chalk.red('✗')} the checks did not run: ${message}`)
  const { passed, failed, next } = reporter
  const done = failed === 0 && passed > 0 && reporter.broken.length === 0
  if (!reference) record(lesson.folder, lesson.file, done)
  console.log(`\n${verdict(passed, failed)}`)
  if (next && !reference) console.log(`Next: ${next}. Your file: ${inProject(lesson.file)}`)
  return done
}

function verdict(passed: number, failed: number): string {
  const all = passed + failed
  if (all === 0) return chalk.red('No check ran.')
  if (failed === 0) return chalk.green(all === 1 ? 'The one check passes.' : `All ${all} checks pass.`)
  return `${passed} of ${all} checks pass.`
}
