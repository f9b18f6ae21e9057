import { execFileSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { relative, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { chalk, table } from '#given/show.ts'
import { callersFolder, command } from './lib/command.ts'
import { keep } from './lib/keep.ts'
import { allLessons, project } from './lib/lessons.ts'
import { describeStanding } from './lib/overview.ts'
import { fileNameFor, harmless, reportOf } from './lib/reports.ts'

await command(
  {
    name: 'report',
    usage: 'npm run report [-- --class DIR]',
    about: `Writes a file for your teacher: which checks pass on your files as they are now, how often you checked, which
hints you had. It holds nothing else, and goes nowhere by itself.

The file is JSON:
  { "schema": 1, "name": string, "date": ISO 8601,
    "lessons": [{ "lesson": "04-uts", "title": string, "state": "new" | "begun" | "stale" | "done",
                  "passed": number, "checks": number,     checks that passed, of those that ran last
                  "attempts": number,                     how often it was checked
                  "hints": { "04.1": number },            how many of the three, by task
                  "failed": { "04.2": number },           checks of what is written that failed, by task
                  "unwritten": ["04.3"],                  tasks that were not written when it was checked
                  "begun": ISO 8601, "done": ISO 8601,    first time; absent where it was never
                  "referenceShown": ISO 8601,
                  "file": string }] }                     its text, with --with-files
"stale" means that the file has changed since it was checked: run npm run check all before.

For a teacher: --class DIR sums up the .json files of a folder, into a page for a browser, DIR.html, and a table for a
spreadsheet, DIR.csv. The page runs no script and loads nothing. It holds the names, dates, states and counts of the
reports, and none of the learners' files; nor does the table.`,
    options: {
      name: { type: 'string', value: 'NAME', description: "your name; otherwise git's user.name, or your user's" },
      out: { type: 'string', short: 'o', value: 'FILE', description: 'the file; otherwise report-NAME.json here' },
      'with-files': { type: 'boolean', description: 'the text of your files too' },
      class: {
        type: 'string',
        value: 'DIR',
        description: "sum up the reports in DIR; --out is then the page's and the table's name without .html and .csv",
      },
    },
    examples: [
      'npm run report',
      'npm run report -- --name "Ada Lovelace" --with-files',
      'npm run report -- --out ada.json',
      'npm run report -- --class handed-in',
    ],
  },
  async ({ values }) => {
    if (typeof values.class === 'string') {
      const alien = ['name', 'with-files'].find((option) => option in values)
      if (alien) throw new UsageError(`--${alien} is for a report of your own, and --class sums up those of others`)
      const { sumUp } = await import('./report/class.ts')
      return sumUp(values.class, typeof values.out === 'string' ? values.out : undefined)
    }
    const name = harmless(typeof values.name === 'string' ? values.name : ownName())
    const lessons = await allLessons()
    const report = reportOf(name, lessons, Boolean(values['with-files']))
    const file = resolve(callersFolder, typeof values.out === 'string' ? values.out : fileNameFor(name))
    keep(file, `${JSON.stringify(report, null, 2)}\n`)
    console.log(`${chalk.bold(name)}, ${new Date(report.date).toLocaleString('sv')}\n`)
    const rows = report.lessons.map(({ attempts, hints, referenceShown }, i) => {
      const lesson = lessons[i]
      const shown = Object.values(hints).reduce((sum, count) => sum + count, 0)
      const title = `${lesson?.number} ${lesson?.title}`
      return [
        title,
        lesson ? describeStanding(lesson) : '',
        String(attempts),
        String(shown),
        referenceShown ? 'shown' : '',
      ]
    })
    table(['lesson', 'state', 'checked', 'hints', 'reference'], rows)
    const shown = relative(callersFolder, file)
    console.log(`\nWritten to ${shown.startsWith('..') ? file : shown}`)
    return 0
  },
)

/** git's name for the user, or the system's. */
function ownName(): string {
  try {
    const said = execFileSync('git', ['config', 'user.name'], { cwd: project, stdio: ['ignore', 'pipe', 'ignore'] })
    return said.toString().trim() || userInfo().username
  } catch {
    return userInfo().username
  }
}
