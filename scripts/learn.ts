import { constants } from 'node:os'
import { explain } from '#given/explain.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { Desk } from './learn/desk.ts'
import { lessonScreen, viewOf } from './learn/screen.ts'
import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { allLessons } from './lib/lessons.ts'
import { rememberOriginals } from './lib/originals.ts'
import { warmCache } from './lib/warm.ts'

await command(
  {
    name: 'learn',
    usage: 'npm run learn [LESSON]',
    about: `Takes you through the lessons: it checks your file whenever you save it, and shows one failing check at a time.
The keys at the bottom give a hint, show your changes, the demo or all lessons, bring the starter back, and go on.
Where you are is remembered. Without a terminal it prints that, and ends.`,
    examples: ['npm run learn             where you left off', 'npm run learn 04          lesson 04, from now on'],
    needsLinux: true,
  },
  async ({ positionals }) => {
    const { lesson } = await lookUpOne(positionals)
    const lessons = await allLessons()
    rememberOriginals(lessons)
    if (!process.stdin.isTTY || !process.stdout.isTTY) {
      console.log(lessonScreen(viewOf(lesson, lessons), 80).join('\n'))
      return 0
    }
    ensureRootfs()
    warmCache()
    const at: { desk?: Desk } = {}
    giveBackWhateverHappens(at)
    at.desk = new Desk(lesson, lessons)
    await at.desk.over
    at.desk[Symbol.dispose]()
    return 0
  },
)

/** However this ends, the terminal is as it was. Called before the desk takes it: a signal may come at any moment. */
function giveBackWhateverHappens(at: { desk?: Desk }): void {
  process.on('exit', () => at.desk?.[Symbol.dispose]())
  process.on('uncaughtException', (error) => {
    at.desk?.[Symbol.dispose]()
    console.error(`learn: ${explain(error)}`)
    process.exit(1)
  })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      if (at.desk?.isLent && signal === 'SIGINT') return // Ctrl-C was meant for the demo
      process.exit(128 + constants.signals[signal])
    })
  }
}
