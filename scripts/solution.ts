import { readFileSync } from 'node:fs'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { rememberOriginals } from './lib/originals.ts'
import { recordReference } from './lib/progress.ts'
import { maySpoil, referenceOf } from './lib/spoil.ts'

await command(
  {
    name: 'solution',
    usage: 'npm run solution [LESSON]',
    about: `Shows the reference of a lesson. It asks first: a hint may be all that you need. That it was shown is remembered,
and stands in your report.`,
    options: { yes: { type: 'boolean', short: 'y', description: 'do not ask; wanted where there is no terminal' } },
    examples: ['npm run solution 04', 'npm run solution 04 -- --yes', 'npm run solution 04 -- --yes | less'],
  },
  async ({ positionals, values }) => {
    const { lesson } = await lookUpOne(positionals)
    rememberOriginals([lesson])
    if (!values.yes && !(await maySpoil(lesson, `npm run solution ${lesson.number} -- --yes`))) return 1
    recordReference(lesson)
    process.stdout.write(readFileSync(referenceOf(lesson), 'utf8'))
    console.error(chalk.dim(`\nsolutions/${lesson.folder}/${lesson.name}.ts`))
    return 0
  },
)
