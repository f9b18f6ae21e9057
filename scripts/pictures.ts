import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { keep } from './lib/keep.ts'
import { lessonPictures, outOfDate } from './pictures/all.ts'

await command(
  {
    name: 'pictures',
    usage: 'npm run pictures',
    about: `Draws the picture of each lesson's README, lessons/NN-name/picture.svg, from what scripts/pictures/NN-name.ts says,
with the code that draws the page of \`npm run observe\`.`,
    options: { check: { type: 'boolean', description: 'write nothing; exit code 1 where a picture is out of date' } },
    examples: ['npm run pictures', 'npm run pictures -- --check'],
  },
  async ({ values: { check = false } }) => {
    const pictures = await lessonPictures()
    const old = outOfDate(pictures)
    if (check) {
      for (const { name } of old) console.error(chalk.red(`✗ ${name} is out of date: npm run pictures`))
      if (old.length === 0) console.log(chalk.green(`✓ ${pictures.length} pictures, each as its description says.`))
      return old.length === 0 ? 0 : 1
    }
    for (const { name, file, svg } of old) {
      keep(file, svg)
      console.log(`${chalk.yellow('↻')} ${name}`)
    }
    if (old.length === 0) console.log('Nothing has changed.')
    return 0
  },
)
