import { existsSync, readFileSync } from 'node:fs'
import type { Found } from './lessons.ts'
import { type Standing, standingOf } from './overview.ts'
import { type Outcome, progressOf } from './progress.ts'
import { isUnwritten } from './reporter.ts'

/** What a learner hands in. The help of `npm run report` describes it. */
export interface Report {
  schema: 1
  name: string
  date: string
  lessons: LessonReport[]
}

export interface LessonReport extends Standing {
  lesson: string
  title: string
  attempts: number
  hints: Record<string, number>
  /** Checks of what is written that failed when they last ran, by task, and the tasks that were not written. */
  failed: Record<string, number>
  unwritten: string[]
  begun?: string
  done?: string
  referenceShown?: string
  file?: string
}

export function reportOf(name: string, lessons: Found[], withFiles: boolean): Report {
  return {
    schema: 1,
    name,
    date: new Date().toISOString(),
    lessons: lessons.map((each) => lessonReport(each, withFiles)),
  }
}

function lessonReport(lesson: Found, withFiles: boolean): LessonReport {
  const { attempts = 0, hints = {}, outcomes = [], begun, done, referenceShown } = progressOf(lesson) ?? {}
  return {
    lesson: lesson.folder,
    title: lesson.title,
    ...standingOf(lesson),
    attempts,
    hints,
    ...failures(outcomes),
    ...(begun ? { begun } : {}),
    ...(done ? { done } : {}),
    ...(referenceShown ? { referenceShown } : {}),
    ...(withFiles && existsSync(lesson.file) ? { file: readFileSync(lesson.file, 'utf8') } : {}),
  }
}

function failures(outcomes: Outcome[]): Pick<LessonReport, 'failed' | 'unwritten'> {
  const failed: Record<string, number> = {}
  const unwritten = new Set<string>()
  for (const { name, passed, said } of outcomes) {
    const task = /^\d\d\.\d+/.exec(name)?.[0]
    if (!task || passed) continue
    if (said.some(isUnwritten)) unwritten.add(task)
    else failed[task] = (failed[task] ?? 0) + 1
  }
  return { failed, unwritten: [...unwritten] }
}

/**
 * A name that does no harm wherever it goes later: on a terminal, into a page, a spreadsheet, a file's name. Letters of
 * all scripts, digits and what stands between them in names are left; it does not begin with what begins a formula.
 */
export function harmless(name: string): string {
  const left = name.normalize('NFC').replaceAll(/[^\p{L}\p{M}\p{N} .,'_@+-]+/gu, ' ')
  const short = [...left.replaceAll(/\s+/g, ' ').replace(/^[^\p{L}\p{N}]+/u, '')].slice(0, 60).join('')
  return short.trim() || 'nobody'
}

/** A file for a name: letters and digits only, so that it is below no other folder and hidden nowhere. */
export function fileNameFor(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
  return `report-${slug || 'nobody'}.json`
}
