import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { keep } from './keep.ts'
import { type Found, project } from './lessons.ts'
import { originalOf } from './originals.ts'

/*
 * What a learner wrote is written down before anything else takes its place, and a backup is never removed. So whatever
 * happens in between, and however often, it is there.
 */

/** A version of the learner's file that was put aside. */
export interface Backup {
  path: string
  when: Date
  text: string
}

const folderOf = ({ folder }: Found) => join(project, '.workshop', 'backups', folder)

/** The backups of a lesson, the newest first. */
export function backupsOf(lesson: Found): Backup[] {
  const folder = folderOf(lesson)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => NAME.test(name))
  return names
    .sort()
    .reverse()
    .map((name) => ({ path: join(folder, name), when: whenOf(name), text: readFileSync(join(folder, name), 'utf8') }))
}

/** Puts the starter back. Returns where the learner's text is now, or undefined where the file was the starter already. */
export function reset(lesson: Found): string | undefined {
  const original = originalOf(lesson)
  const mine = textOf(lesson)
  if (mine === original) return undefined
  const path = mine === undefined ? '' : putAside(lesson, mine)
  keep(lesson.file, original)
  return path
}

/**
 * Brings back the backup before the one that the file holds now: the last one first, the next time an older one.
 *
 * @throws {UsageError} where there is none
 */
export function undo(lesson: Found): Backup {
  const backups = backupsOf(lesson)
  const mine = textOf(lesson)
  const now = backups.findIndex(({ text }) => text === mine)
  const wanted = backups[now + 1]
  if (!wanted) {
    const why = backups.length === 0 ? 'there is no backup' : 'your file holds the oldest backup already'
    throw new UsageError(`nothing to bring back for lesson ${lesson.number}: ${why}`, 1)
  }
  restore(lesson, wanted)
  return wanted
}

/** Brings back one backup; what the file holds now is put aside, unless it is the starter or a backup itself. */
export function restore(lesson: Found, { text }: Backup): void {
  const mine = textOf(lesson)
  const known = [originalOf(lesson), ...backupsOf(lesson).map((backup) => backup.text)]
  if (mine !== undefined && !known.includes(mine)) putAside(lesson, mine)
  keep(lesson.file, text)
}

function putAside(lesson: Found, text: string): string {
  const last = backupsOf(lesson)[0]
  if (last?.text === text) return last.path
  // Later than the last one, whatever the clock says.
  const now = Math.max(Date.now(), (last?.when.getTime() ?? 0) + 1)
  const path = join(folderOf(lesson), `${nameOf(new Date(now))}.ts`)
  keep(path, text)
  return path
}

function textOf({ file }: Found): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** No colons: not every shared folder takes them. */
const NAME = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})Z\.ts$/
const nameOf = (date: Date) => date.toISOString().replaceAll(':', '-')
const whenOf = (name: string) => new Date(basename(name, '.ts').replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:'))
