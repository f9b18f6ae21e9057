import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { keep } from './keep.ts'
import { type Found, project } from './lessons.ts'
import { isUntouched } from './marks.ts'

const copyOf = ({ folder }: Found) => join(project, '.workshop', 'originals', `${folder}.ts`)

/** Keeps a copy of every starter that is still untouched and was never seen before. */
export function rememberOriginals(lessons: Found[]): void {
  for (const lesson of lessons) {
    if (untouched(lesson, copyOf(lesson))) continue
    const source = untouched(lesson, lesson.file)
    if (source !== undefined) keep(copyOf(lesson), source)
  }
}

/**
 * A lesson's starter as it was handed out: the copy that was kept, or the newest one in git's history.
 *
 * @throws {UsageError} where neither is there
 */
export function originalOf(lesson: Found): string {
  rememberOriginals([lesson])
  const found = untouched(lesson, copyOf(lesson)) ?? fromHistory(lesson)
  if (found !== undefined) return found
  throw new UsageError(
    `nobody has kept the starter of lesson ${lesson.number}: it was begun before the first command of the workshop ran,\n` +
      `  and git's history has none. Take it from where you got the workshop: ${relative(project, lesson.file)}`,
    1,
  )
}

/** The text of a file, if it is a starter in which every task is still marked: an older workshop's may lack some. */
function untouched({ tasks }: Found, file: string): string | undefined {
  const source = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  return source !== undefined && isUntouched(source, tasks) ? source : undefined
}

function fromHistory({ file, tasks }: Found): string | undefined {
  const path = relative(project, file)
  const git = (...args: string[]) => spawnSync('git', args, { cwd: project, encoding: 'utf8' }).stdout ?? ''
  for (const commit of git('log', '--format=%H', '--', path).split('\n').filter(Boolean)) {
    const source = git('show', `${commit}:./${path}`)
    if (isUntouched(source, tasks)) return source
  }
  return undefined
}
