import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { project } from '#given/spec.ts'

/**
 * Writes a file of the learner's: all of it or nothing, whoever is killed meanwhile. The file and its folders belong to
 * whom the project belongs to, even where it is root who writes, since checks run as root and hints do not.
 */
export function keep(path: string, text: string): void {
  const file = existsSync(path) ? realpathSync(path) : path
  makeFolder(dirname(file))
  const unfinished = join(dirname(file), `.${basename(file)}.${process.pid}`)
  writeFileSync(unfinished, text)
  if (existsSync(file)) chmodSync(unfinished, statSync(file).mode)
  giveBack(unfinished)
  renameSync(unfinished, file)
}

function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { recursive: true })
  giveBack(path)
}

function giveBack(path: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(project)
  try {
    chownSync(path, uid, gid)
  } catch {
    // A shared folder has one owner for all.
  }
}
