import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keep } from './keep.ts'
import { type Found, project } from './lessons.ts'

/** Where all that is remembered of the learner lies. */
export const folderOfRecords = join(project, '.workshop', 'progress')

/** What became of one check. */
export interface Outcome {
  /** Its name, which begins with its task: `04.2 the host keeps its own name`. */
  name: string
  passed: boolean
  /** What it said when it failed, line by line, without colours. */
  said: string[]
}

/** What is remembered of a lesson. */
export interface Progress {
  /** Of the file that was checked, and of the checks. */
  fingerprint: string
  passed: boolean
  outcomes: Outcome[]
  /** Only the checks of some tasks ran, so that nothing is known of the others. */
  partial?: true
  /** How many hints were shown, by task. */
  hints: Record<string, number>
  /** How often it was checked. */
  attempts: number
  /** How long all checks took, in milliseconds. */
  took?: number
  /** When it was first checked or looked up, when it first passed, when the reference was shown: ISO 8601. */
  begun: string
  done?: string
  referenceShown?: string
}

/** Where a lesson is: `stale` means that the file has changed since it was checked, so that nothing is known of it. */
export type State = 'new' | 'begun' | 'stale' | 'done'

type Place = Pick<Found, 'folder' | 'file'>

/** What a run of checks found. */
export interface Findings {
  outcomes: Outcome[]
  passed: boolean
  /** Of the file when the run began: while it ran, somebody may have saved another one. */
  checked?: string
  /** Only one task's checks ran. */
  partial?: boolean
  took?: number
}

/** Remembers what came of a lesson's checks, and for which file: a lesson is done while its file is the one that passed. */
export function record(lesson: Place, findings: Findings): void {
  const { checked = fingerprint(lesson), took, partial } = findings
  const { done, ...before } = progressOf(lesson) ?? nothing()
  const known: Known = partial
    ? merge(before, findings, checked)
    : { outcomes: findings.outcomes, passed: findings.passed }
  const { partial: _, ...kept } = before
  const first = done ?? (known.passed ? now() : undefined)
  save(lesson, {
    ...kept,
    ...known,
    fingerprint: checked,
    attempts: before.attempts + 1,
    ...(took && !partial ? { took } : {}),
    ...(first ? { done: first } : {}),
  })
}

type Known = Pick<Progress, 'outcomes' | 'passed' | 'partial'>

/** One task's outcomes among the others', where those are known of this very file. */
function merge(before: Progress, { outcomes }: Findings, checked: string): Known {
  const same = before.fingerprint === checked && before.outcomes.length > 0
  if (!same) return { outcomes, passed: false, partial: true }
  const fresh = new Map(outcomes.map((outcome) => [outcome.name, outcome]))
  const others = before.outcomes.map((outcome) => fresh.get(outcome.name) ?? outcome)
  const names = new Set(before.outcomes.map(({ name }) => name))
  const all = [...others, ...outcomes.filter(({ name }) => !names.has(name))]
  if (before.partial) return { outcomes: all, passed: false, partial: true }
  return { outcomes: all, passed: all.every(({ passed }) => passed) }
}

/** What is remembered of a lesson; undefined where nothing is, or the record is damaged. */
export function progressOf({ folder }: Pick<Found, 'folder'>): Progress | undefined {
  try {
    const read: Partial<Progress> = JSON.parse(readFileSync(join(folderOfRecords, `${folder}.json`), 'utf8'))
    if (typeof read.fingerprint !== 'string' || typeof read.passed !== 'boolean') return undefined
    if (!Array.isArray(read.outcomes ?? []) || typeof (read.hints ?? {}) !== 'object') return undefined
    return { ...nothing(), attempts: 1, begun: '', ...read }
  } catch {
    return undefined
  }
}

/** Remembers that hints were shown, up to this step. */
export function recordHint(lesson: Place, task: string, step: number): void {
  const before = progressOf(lesson) ?? nothing()
  save(lesson, { ...before, hints: { ...before.hints, [task]: Math.max(step, before.hints[task] ?? 0) } })
}

/** Remembers that the learner has seen the reference. */
export function recordReference(lesson: Place): void {
  save(lesson, { referenceShown: now(), ...(progressOf(lesson) ?? nothing()) })
}

/** Where the learner is with a lesson, by its file as it is now. */
export function stateOf(lesson: Place): State {
  const progress = progressOf(lesson)
  if (!progress || progress.attempts === 0) return 'new'
  if (progress.fingerprint !== fingerprint(lesson)) return 'stale'
  return progress.passed ? 'done' : 'begun'
}

/** Did the checks pass on the file as it is now? */
export function isPassed(folder: string, file: string): boolean {
  return stateOf({ folder, file }) === 'done'
}

/** Of the learner's file and of the checks: better checks ask again. */
export function fingerprint({ folder, file }: Place): string {
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

function save({ folder }: Place, progress: Progress): void {
  keep(join(folderOfRecords, `${folder}.json`), JSON.stringify(progress, null, 2))
}

function nothing(): Progress {
  return { fingerprint: '', passed: false, outcomes: [], hints: {}, attempts: 0, begun: now() }
}

const now = () => new Date().toISOString()
