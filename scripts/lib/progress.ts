import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Found } from './lessons.ts'
import { project } from './lessons.ts'

const folderOfRecords = join(project, '.workshop', 'progress')

/** What became of one check. */
export interface Outcome {
  /** Its name, which begins with its task: `04.2 the host keeps its own name`. */
  name: string
  passed: boolean
  /** What it said when it failed, line by line. */
  said: string[]
}

/** What is remembered of a lesson. */
export interface Progress {
  /** Of the file that was checked, and of the checks. */
  fingerprint: string
  passed: boolean
  outcomes: Outcome[]
  /** How many hints were shown, by task. */
  hints: Record<string, number>
  /** How often it was checked. */
  attempts: number
  /** When it was first checked, and when it first passed: ISO 8601. */
  begun: string
  done?: string
}

/** Where a lesson is: `stale` means that the file has changed since it was checked, so that nothing is known of it. */
export type State = 'new' | 'begun' | 'stale' | 'done'

/** Remembers what came of a lesson's checks, and for which file: a lesson is done while its file is the one that passed. */
export function record(lesson: Found, outcomes: Outcome[], passed: boolean): Progress {
  const before = progressOf(lesson)
  const now = new Date().toISOString()
  const done = before?.done ?? (passed ? now : undefined)
  const progress: Progress = {
    fingerprint: fingerprint(lesson.folder, lesson.file),
    passed,
    outcomes,
    hints: before?.hints ?? {},
    attempts: (before?.attempts ?? 0) + 1,
    begun: before?.begun ?? now,
    ...(done ? { done } : {}),
  }
  save(lesson, progress)
  return progress
}

/** What is remembered of a lesson; undefined where it was never checked, or the record is damaged. */
export function progressOf({ folder }: Pick<Found, 'folder'>): Progress | undefined {
  try {
    const read: Partial<Progress> = JSON.parse(readFileSync(join(folderOfRecords, `${folder}.json`), 'utf8'))
    if (typeof read.fingerprint !== 'string' || typeof read.passed !== 'boolean') return undefined
    const { fingerprint, passed, outcomes = [], hints = {}, attempts = 1, begun = '', done } = read
    return { fingerprint, passed, outcomes, hints, attempts, begun, ...(done ? { done } : {}) }
  } catch {
    return undefined
  }
}

/** Remembers that a hint was shown. */
export function recordHint(lesson: Found, task: string, step: number): void {
  const nothing = {
    fingerprint: '',
    passed: false,
    outcomes: [],
    hints: {},
    attempts: 0,
    begun: new Date().toISOString(),
  }
  const before: Progress = progressOf(lesson) ?? nothing
  save(lesson, { ...before, hints: { ...before.hints, [task]: Math.max(step, before.hints[task] ?? 0) } })
}

/** Where the learner is with a lesson, by its file as it is now. */
export function stateOf(lesson: Pick<Found, 'folder' | 'file'>): State {
  const progress = progressOf(lesson)
  if (!progress || progress.attempts === 0) return 'new'
  if (progress.fingerprint !== fingerprint(lesson.folder, lesson.file)) return 'stale'
  return progress.passed ? 'done' : 'begun'
}

/** Did the checks pass on the file as it is now? */
export function isPassed(folder: string, file: string): boolean {
  return stateOf({ folder, file }) === 'done'
}

function save({ folder }: Found, progress: Progress): void {
  mkdirSync(folderOfRecords, { recursive: true })
  const path = join(folderOfRecords, `${folder}.json`)
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, JSON.stringify(progress, null, 2))
  renameSync(unfinished, path) // all or nothing, whoever is killed meanwhile
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
