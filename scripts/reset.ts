import { relative } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { chalk, table } from '#given/show.ts'
import { backupsOf, reset, restore, undo } from './lib/backups.ts'
import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { type Found, project } from './lib/lessons.ts'

await command(
  {
    name: 'reset',
    usage: 'npm run reset [LESSON]',
    about: `Puts a lesson's starter back in place of your file. What you wrote is kept in .workshop/backups/, all of it, for
ever: nothing is lost, however often you do this.`,
    options: {
      undo: { type: 'boolean', description: 'bring back what you had; once more: what you had before that' },
      list: { type: 'boolean', description: 'list the backups' },
      restore: { type: 'string', value: 'N', description: 'bring back number N of --list' },
    },
    examples: [
      'npm run reset 04',
      'npm run reset 04 -- --undo',
      'npm run reset 04 -- --list',
      'npm run reset 04 -- --restore 3',
    ],
  },
  async ({ positionals, values }) => {
    const asked = ['undo', 'list', 'restore'].filter((name) => values[name] !== undefined)
    if (asked.length > 1) throw new UsageError(`--${asked.join(' and --')}: one at a time`)
    const { lesson, task } = await lookUpOne(positionals)
    if (task)
      throw new UsageError(`${task.id} is a task, and all of a lesson is in one file: npm run reset ${lesson.number}`)
    const file = relative(project, lesson.file)
    if (values.list) return list(lesson)
    if (values.undo) {
      const { when } = undo(lesson)
      console.log(`${file} is again what it was on ${local(when)}.`)
      return 0
    }
    if (values.restore !== undefined) {
      const backup = backupsOf(lesson)[Number(values.restore) - 1]
      if (!backup) throw new UsageError(`lesson ${lesson.number} has no backup ${values.restore}; --list shows them`)
      restore(lesson, backup)
      console.log(`${file} is again what it was on ${local(backup.when)}.`)
      return 0
    }
    const kept = reset(lesson)
    if (kept === undefined) {
      console.log(`${file} is the starter already.`)
      return 0
    }
    console.log(`${file} is the starter again.`)
    if (kept) console.log(`What you wrote is in ${relative(project, kept)}`)
    if (kept) console.log(`and comes back with: ${chalk.cyan(`npm run reset ${lesson.number} -- --undo`)}`)
    return 0
  },
)

function list(lesson: Found): number {
  const backups = backupsOf(lesson)
  if (backups.length === 0) console.log(`Lesson ${lesson.number} has no backups.`)
  else {
    const rows = backups.map(({ when, text, path }, i) => {
      return [String(i + 1), local(when), String(text.split('\n').length - 1), relative(project, path)]
    })
    table(['', 'put aside', 'lines', 'file'], rows)
  }
  return 0
}

/** As ISO 8601 has it, in the time of the learner's clock. */
function local(when: Date): string {
  return when.toLocaleString('sv')
}
