import type { Task } from '#given/lesson.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { clueFor, nextStep } from './lib/hints.ts'
import type { Found } from './lib/lessons.ts'
import { rememberOriginals } from './lib/originals.ts'
import { recordHint } from './lib/progress.ts'
import { coloured } from './lib/reporter.ts'

await command(
  {
    name: 'hint',
    usage: 'npm run hint [LESSON|TASK]',
    about: `Gives a hint for the check that failed last. Each task has three: a nudge, the mechanism, the code. Ask again for
the next one. What was shown is remembered, and stands in your report.`,
    options: { all: { type: 'boolean', description: 'all hints of the task at once' } },
    examples: [
      'npm run hint             where you are',
      'npm run hint 04          the check of lesson 04 that failed',
      'npm run hint 04.2        task 2 of lesson 04',
      'npm run hint 04.2 -- --all',
    ],
  },
  async ({ positionals, values }) => {
    const wish = await lookUpOne(positionals)
    rememberOriginals([wish.lesson])
    const { task, because, said, unloadable } = clueFor(wish)
    if (because) console.log(because)
    for (const line of said) console.log(`  ${coloured(line)}`)
    if (unloadable) return 0
    if (task) give(wish.lesson, task, Boolean(values.all))
    else console.log(`Name a task to see its hints: npm run hint ${wish.lesson.tasks[0]?.id}`)
    return 0
  },
)

function give(lesson: Found, task: Task, all: boolean): void {
  const last = task.hints.length
  const step = all ? last : nextStep(lesson, task)
  recordHint(lesson, task.id, step)
  console.log(`\n${chalk.bold(`${task.id} · ${task.title}`)}`)
  for (let i = all ? 1 : step; i <= step; i++) {
    console.log(`\n${chalk.cyan(`Hint ${i} of ${last}`)}`)
    console.log(task.hints[i - 1])
  }
  const again = `npm run hint ${task.id}`
  const next =
    step < last
      ? `Once more for the next one: ${again}`
      : `That was the last one. npm run solution ${lesson.number} shows the reference.`
  console.log(`\n${chalk.dim(next)}`)
}
