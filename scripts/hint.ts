import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { hintLines } from './lib/hints.ts'
import { rememberOriginals } from './lib/originals.ts'

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
    console.log(hintLines(wish, Boolean(values.all)).join('\n'))
    return 0
  },
)
