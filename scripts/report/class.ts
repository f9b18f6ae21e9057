import { existsSync, lstatSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import { callersFolder } from '../lib/command.ts'
import { keep } from '../lib/keep.ts'
import { allLessons } from '../lib/lessons.ts'
import { csvOf } from './csv.ts'
import { learnersOf } from './learners.ts'
import { pageOf } from './page.ts'
import { printable } from './printable.ts'
import { type Folder, readFolder, type Unreadable } from './read.ts'

/**
 * Sums up the reports of a folder into a page and a table, and says what became of each file.
 *
 * @param out where to, without .html and .csv; beside the folder and named after it, otherwise
 * @throws {UsageError} where there is no such folder, or no report in it
 */
export async function sumUp(wish: string, out?: string): Promise<number> {
  const folder = resolve(callersFolder, wish)
  requireFolder(wish, folder)
  const { read, unreadable, others } = list(wish, folder)
  for (const { file, why } of unreadable) console.error(`${chalk.yellow('not read')}  ${file}: ${why}`)
  if (read.length === 0) throw new UsageError(noReports(wish, unreadable), 1)
  const learners = learnersOf(read)
  const lessons = await allLessons()
  const name = printable(basename(folder) || 'class', 60)
  const base = out === undefined ? join(dirname(folder), basename(folder) || 'class') : resolve(callersFolder, out)
  write(`${base}.html`, pageOf({ name, learners, unreadable, others, lessons }))
  write(`${base}.csv`, csvOf(learners, lessons))
  const older = read.length - learners.length
  console.log(`${count(learners.length, 'learner')} of ${count(read.length + unreadable.length, 'file')}`)
  if (older > 0) console.log(`  ${older} older: of one learner the newest counts`)
  if (unreadable.length > 0) console.log(`  ${unreadable.length} not read: see above`)
  console.log(`Written to ${shown(`${base}.html`)}\n       and ${shown(`${base}.csv`)}`)
  return 0
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`

function requireFolder(wish: string, folder: string): void {
  const stats = existsSync(folder) ? statSync(folder) : undefined
  const name = printable(wish)
  if (!stats) throw new UsageError(`there is no ${name}. --class takes the folder with your learners' reports`)
  if (stats.isDirectory()) return
  throw new UsageError(`${name} is no folder. Put the reports into one, and name that`)
}

function list(wish: string, folder: string): Folder {
  try {
    return readFolder(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${printable(wish)} cannot be listed: ${code}. Whose is it? ls -ld tells`, 1)
  }
}

function noReports(wish: string, unreadable: Unreadable[]): string {
  const name = printable(wish)
  if (unreadable.length > 0) return `none of the ${unreadable.length} files in ${name} is a report. Nothing was written`
  return `no report in ${name}: none of its names ends in .json. Nothing was written
  Learners write theirs with npm run report, and hand you the file`
}

/** Whoever can write into the folder could leave a link there that leads to a file of yours. */
function write(file: string, text: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new UsageError(`${printable(file)} is a symbolic link, and is not written to. --out BASE names another place`)
  }
  try {
    keep(file, text)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${printable(file)} cannot be written: ${code}. --out BASE names another place`, 1)
  }
}

function shown(file: string): string {
  const near = relative(callersFolder, file)
  return printable(near.startsWith('..') ? file : near, 1000)
}
