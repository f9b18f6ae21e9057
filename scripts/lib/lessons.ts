import { basename, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { existsSync, readdirSync } from '#given/fs.ts'
import type { Lesson } from '#given/lesson.ts'
import { project } from '#given/spec.ts'
import { nearest } from './suggest.ts'

export { project }

/** A lesson and where it is. */
export interface Found extends Lesson {
  /** `04` */
  number: string
  /** `04-uts` */
  folder: string
  /** The learner's file, absolute. */
  file: string
}

/** The folders of all lessons, in order. */
export function lessonFolders(): string[] {
  return readdirSync(join(project, 'lessons'))
    .filter((name) => /^\d\d-/.test(name) && existsSync(join(project, 'lessons', name, 'lesson.ts')))
    .sort()
}

/** All lessons, in order. */
export function allLessons(): Promise<Found[]> {
  return Promise.all(lessonFolders().map(read))
}

/**
 * The lesson that somebody means by `04`, `4`, `uts`, `04-uts` or `lessons/04-uts/`.
 *
 * @throws {UsageError} when there is none, with what there is
 */
export async function findLesson(wish: string): Promise<Found> {
  const name = wish.startsWith('.') || wish.includes('/') ? lessonPart(wish) : wish.toLowerCase()
  const folders = lessonFolders()
  const found = folders.find((folder) => {
    const [number = '', word] = [folder.slice(0, 2), folder.slice(3)]
    return folder === name || word === name || (/^\d+$/.test(name) && Number(name) === Number(number))
  })
  if (found) return read(found)
  const list = (await allLessons()).map(({ folder, title }) => `  ${folder.padEnd(16)} ${title}`)
  const near = nearest(name, [...folders.map((folder) => folder.slice(3)), ...folders])
  const meant = near ? `Did you mean ${near}? ` : ''
  throw new UsageError(`there is no lesson '${wish}'. ${meant}These are there:\n${list.join('\n')}`)
}

function lessonPart(path: string): string {
  return path.split('/').findLast((part) => /^\d\d-/.test(part)) ?? basename(path)
}

async function read(folder: string): Promise<Found> {
  const { lesson }: { lesson: Lesson } = await import(join(project, 'lessons', folder, 'lesson.ts'))
  return { ...lesson, number: folder.slice(0, 2), folder, file: join(project, 'lessons', folder, `${lesson.name}.ts`) }
}
