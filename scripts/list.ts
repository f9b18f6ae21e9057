import { command } from './lib/command.ts'
import { currentLesson } from './lib/current.ts'
import { allLessons } from './lib/lessons.ts'
import { rememberOriginals } from './lib/originals.ts'
import { listLines, standingOf } from './lib/overview.ts'

await command(
  {
    name: 'list',
    usage: 'npm run list',
    about: `Lists the lessons, and where you are with each. A lesson is done when its checks passed on its file as it is now.

--json prints an array, and nothing else:
  [{ "lesson": "04-uts", "number": "04", "title": string, "minutes": [number], "current": boolean,
     "state": "new" | "begun" | "stale" | "done", "passed": number, "checks": number }]
"stale" means that the file has changed since it was checked; then "passed" is of the file as it was.`,
    options: { json: { type: 'boolean', description: 'for a program to read' } },
    examples: ['npm run list', 'npm run --silent list -- --json'],
  },
  async ({ values }) => {
    const [lessons, current] = [await allLessons(), await currentLesson()]
    rememberOriginals(lessons)
    if (values.json) {
      const data = lessons.map((lesson) => {
        const { folder, number, title, minutes } = lesson
        return { lesson: folder, number, title, minutes, current: folder === current.folder, ...standingOf(lesson) }
      })
      console.log(JSON.stringify(data, null, 2))
      return 0
    }
    console.log(listLines(lessons, current).join('\n'))
    return 0
  },
)
