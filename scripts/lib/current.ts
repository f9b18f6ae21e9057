import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import type { Task } from '#given/lesson.ts'
import { callersFolder } from './command.ts'
import { keep } from './keep.ts'
import { allLessons, type Found, findLesson } from './lessons.ts'
import { folderOfRecords, stateOf } from './progress.ts'

const file = join(folderOfRecords, 'current')

/** Remembers the lesson that the learner asked for by name: from now on it is meant where none is named. */
export function rememberCurrent({ folder }: Found): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== folder) keep(file, folder)
}

/** The lesson that the learner asked for last, or where that is done the next one. */
export async function currentLesson(): Promise<Found> {
  const lessons = await allLessons()
  const folder = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const last = lessons.find((lesson) => lesson.folder === folder) ?? lessons[0]
  if (!last) throw new UsageError('there are no lessons in lessons/')
  return stateOf(last) === 'done' ? (nextAfter(last, lessons) ?? last) : last
}

/** The next lesson that is not done, around the end to the beginning; undefined when all the others are done. */
export function nextAfter({ folder }: Found, lessons: Found[]): Found | undefined {
  const at = lessons.findIndex((lesson) => lesson.folder === folder)
  return [...lessons.slice(at + 1), ...lessons.slice(0, at)].find((lesson) => stateOf(lesson) !== 'done')
}

/** What somebody means by a number, a name or a folder, and perhaps a task: `04`, `uts`, `.`, `04.2`. */
export interface Wish {
  lesson: Found
  task?: Task
}

/**
 * The lesson, and the task, that somebody means; without a wish the current lesson.
 *
 * @throws {UsageError} when there is none, with what there is
 */
export async function lookUp(wish: string | undefined): Promise<Wish> {
  if (wish === undefined) return { lesson: await currentLesson() }
  const [, name, number] = /^([^./]+)\.(\d+)$/.exec(wish) ?? []
  const lesson = await findLesson(name ?? (wish.startsWith('.') ? resolve(callersFolder, wish) : wish))
  if (!number) return { lesson }
  const task = lesson.tasks.find(({ id }) => Number(id.split('.')[1]) === Number(number))
  if (task) return { lesson, task }
  const there = lesson.tasks.map(({ id, title }) => `  ${id}   ${title}`)
  throw new UsageError(`lesson ${lesson.number} has no task '${wish}'. These are there:\n${there.join('\n')}`)
}

/** The same for a command that takes one at the most. */
export function lookUpOne(positionals: string[]): Promise<Wish> {
  if (positionals.length > 1) throw new UsageError(`one lesson at a time, not ${positionals.length}`)
  return lookUp(positionals[0])
}
