import { UsageError } from '#given/errors.ts'
import { command } from './lib/command.ts'
import { compareTexts } from './lib/compare.ts'
import { lookUpOne } from './lib/current.ts'
import { recordReference } from './lib/progress.ts'
import { maySpoil } from './lib/spoil.ts'
import { finishedOf, mineOf, starterOf } from './lib/versions.ts'

await command(
  {
    name: 'diff',
    usage: 'npm run diff [LESSON]',
    about: `Shows what you have changed in a lesson's file since it was handed out. From 120 columns on side by side.`,
    options: {
      reference: { type: 'boolean', description: 'from yours to the reference; asks, since it spoils' },
      start: { type: 'boolean', description: 'from the starter to the reference; asks too' },
      yes: { type: 'boolean', short: 'y', description: 'do not ask; wanted where there is no terminal' },
    },
    examples: ['npm run diff', 'npm run diff 04', 'npm run diff 04 -- --reference', 'npm run diff 04 | less'],
  },
  async ({ positionals, values }) => {
    const { reference, start, yes } = values
    if (reference && start) throw new UsageError('--reference and --start: one at a time')
    const { lesson } = await lookUpOne(positionals)
    const spoils = Boolean(reference || start)
    const option = reference ? '--reference' : '--start'
    if (spoils && !yes && !(await maySpoil(lesson, `npm run diff ${lesson.number} -- ${option} --yes`))) return 1
    if (spoils) recordReference(lesson)
    const from = reference ? mineOf(lesson) : starterOf(lesson)
    const to = spoils ? finishedOf(lesson) : mineOf(lesson)
    const lines = compareTexts(from, to, process.stdout.columns ?? 0)
    console.log(lines.join('\n') || `No difference: ${to.label} has the same text as ${from.label}.`)
    return 0
  },
)
