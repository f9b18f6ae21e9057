import { stringify } from 'csv-stringify/sync'
import { type LessonInfo, standingIn } from './figures.ts'
import type { Learner } from './learners.ts'

const COLUMNS = [
  'learner',
  'file',
  'date',
  'lesson',
  'title',
  'state',
  'passed',
  'checks',
  'attempts',
  'hints',
  'hints by task',
  'failed by task',
  'not written',
  'begun',
  'done',
  'reference shown',
]

/**
 * A line for each learner and lesson, as spreadsheets like it: to sort, to filter, to pivot. It begins with a byte order
 * mark, without which some of them take UTF-8 for something else, and no cell is a formula.
 */
export function csvOf(learners: Learner[], lessons: LessonInfo[]): string {
  const lines = learners.flatMap((learner) => lessons.map((lesson) => line(learner, lesson)))
  return stringify([COLUMNS, ...lines], { bom: true, escape_formulas: true, record_delimiter: 'windows' })
}

function line(learner: Learner, lesson: LessonInfo): (string | number)[] {
  const one = standingIn(learner, lesson)
  const hints = Object.values(one?.hints ?? {}).reduce((sum, count) => sum + count, 0)
  const { state = 'new', passed = 0, checks = 0, attempts = 0, begun = '', done = '', referenceShown = '' } = one ?? {}
  const { report, file } = learner
  return [
    ...[report.name, file, report.date, lesson.folder, lesson.title, state, passed, checks, attempts, hints],
    ...[byTask(one?.hints), byTask(one?.failed), one?.unwritten?.join('; ') ?? '', begun, done, referenceShown],
  ]
}

/** `04.1: 3; 04.3: 1` */
function byTask(counts: Record<string, number> = {}): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([task, count]) => `${task}: ${count}`)
    .sort()
    .join('; ')
}
