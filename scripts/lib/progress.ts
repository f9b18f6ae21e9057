import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './lessons.ts'

const folderOfRecords = join(project, '.workshop', 'progress')

/**
 * Remembers what came of a lesson's checks, and for which file: a lesson is done while its file is the one that passed.
 *
 * @param folder such as `04-uts`
 * @param file the learner's
 */
export function record(folder: string, file: string, passed: boolean): void {
  mkdirSync(folderOfRecords, { recursive: true })
  const path = join(folderOfRecords, `${folder}.json`)
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, JSON.stringify({ passed, fingerprint: fingerprint(folder, file) }))
  renameSync(unfinished, path) // all or nothing, whoever is killed meanwhile
}

/** Did the checks pass on the file as it is now? */
export function isPassed(folder: string, file: string): boolean {
  try {
    const { passed, fingerprint: then } = JSON.parse(readFileSync(join(folderOfRecords, `${folder}.json`), 'utf8'))
    return passed === true && then === fingerprint(folder, file)
  } catch {
    return false // never checked, or the record is damaged
  }
}

/** Of the learner's file and of the checks: better checks ask again. */
function fingerprint(folder: string, file: string): string {
  const lesson = join(project, 'lessons', folder)
  const checks = readdirSync(lesson)
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
  const hash = createHash('sha256')
  for (const path of [file, ...checks.map((name) => join(lesson, name))]) {
    if (existsSync(path)) hash.update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex')
}
