/*
 * Reports come from others. Nothing of a file is believed before the schema has seen it, and nothing is opened but plain
 * files of this very folder.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { harmless } from '../lib/reports.ts'
import { printable } from './printable.ts'

/** Bytes. A report with all ten files in it has 40 kB. */
export const LARGEST = 2 * 1024 ** 2

const count = z.int().min(0).max(10_000)
const time = z.iso.datetime()
const task = z.string().regex(/^\d\d\.\d{1,2}$/)
const byTask = z.record(task, z.int().min(0).max(99))

const lessonReport = z
  .object({
    lesson: z.string().regex(/^\d\d-[a-z][a-z0-9-]{0,30}$/, 'no name of a lesson'),
    state: z.enum(['new', 'begun', 'stale', 'done']),
    passed: count,
    checks: count,
    attempts: count,
    hints: byTask,
    failed: byTask.optional(), // reports of older workshops have neither
    unwritten: z.array(task).max(99).optional(),
    begun: time.optional(),
    done: time.optional(),
    referenceShown: time.optional(),
  })
  .refine(({ passed, checks }) => passed <= checks, 'more checks have passed than there are')

const report = z.object({
  schema: z.literal(1),
  name: z.string().transform(harmless),
  date: time,
  lessons: z
    .array(lessonReport)
    .max(99)
    .refine((all) => new Set(all.map(({ lesson }) => lesson)).size === all.length, 'a lesson is there twice'),
})

/** What is taken from a report. The learner's files, which it may hold too, are not. */
export type HandedIn = z.infer<typeof report>
export type HandedInLesson = z.infer<typeof lessonReport>

export interface ReadFile {
  /** Its name in the folder, printable. */
  file: string
  report: HandedIn
}

export interface Unreadable {
  file: string
  why: string
}

/** What a folder of reports holds. */
export interface Folder {
  read: ReadFile[]
  unreadable: Unreadable[]
  /** Names that do not end in .json, and were not looked at. */
  others: number
}

/**
 * Reads every .json of a folder. What is no report is named, with the reason.
 *
 * @throws where the folder cannot be listed
 */
export function readFolder(path: string): Folder {
  const names = readdirSync(path).sort()
  const wanted = names.filter((name) => /\.json$/i.test(name))
  const folder: Folder = { read: [], unreadable: [], others: names.length - wanted.length }
  for (const name of wanted) {
    const file = printable(name)
    try {
      folder.read.push({ file, report: parse(readText(join(path, name))) })
    } catch (error) {
      folder.unreadable.push({ file, why: reason(error) })
    }
  }
  return folder
}

/** Why a file is no report, in words for a teacher. */
class NoReport extends Error {}

function reason(error: unknown): string {
  if (error instanceof NoReport) return error.message
  const { code, message } = error as NodeJS.ErrnoException
  return printable(code ? `cannot be read: ${code}` : message)
}

/** The text of a plain file. Looked at before and after it is opened: an open(2) alone may wait for ever. */
function readText(path: string): string {
  refuseUnlessFile(lstatSync(path))
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants // Windows has only the first
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    refuseUnlessFile(fstatSync(fd))
    return decode(readBytes(fd))
  } finally {
    closeSync(fd)
  }
}

function refuseUnlessFile(stats: Stats): void {
  if (stats.isSymbolicLink()) throw new NoReport('a symbolic link, which is not followed')
  if (stats.isDirectory()) throw new NoReport('a folder')
  if (!stats.isFile()) throw new NoReport('a pipe, a socket or a device')
  if (stats.size > LARGEST) throw new NoReport(`too large: ${megabytes(stats.size)}, and a report has less than 2 MB`)
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1024 ** 2)} MB`

/** No more than a report may have, whatever fstat(2) said: the file may grow meanwhile. */
function readBytes(fd: number): Buffer {
  const bytes = Buffer.alloc(LARGEST + 1)
  let length = 0
  for (let got = -1; got !== 0 && length < bytes.length; length += got) {
    got = readSync(fd, bytes, length, bytes.length - length, null)
  }
  if (length > LARGEST) throw new NoReport('too large, and it grows')
  return bytes.subarray(0, length)
}

function decode(bytes: Buffer): string {
  if (bytes.length === 0) throw new NoReport('empty')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new NoReport("not UTF-8: another program has saved it, such as an older PowerShell's >")
  }
}

function parse(text: string): HandedIn {
  const data = parseJson(text)
  if (!isRecord(data) || !('schema' in data)) throw new NoReport('JSON, but no report: it has no "schema"')
  const version = data.schema
  if (typeof version === 'number' && version !== 1) {
    throw new NoReport(`of schema ${version}, and this workshop reads schema 1: is one of the two older?`)
  }
  const { success, data: parsed, error } = report.safeParse(data)
  if (success) return parsed
  const [first] = error.issues
  const where = (first?.path ?? []).map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  throw new NoReport(`not as a report is: ${printable(`${where.replace(/^\./, '')}: ${first?.message}`)}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new NoReport(`no JSON: ${printable((error as Error).message)}`)
  }
}

const isRecord = (data: unknown): data is Record<string, unknown> => {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}
