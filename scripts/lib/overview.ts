import { chalk, tableLines } from '#given/show.ts'
import type { Found } from './lessons.ts'
import { progressOf, type State, stateOf } from './progress.ts'

/** A lesson's state in numbers. */
export interface Standing {
  state: State
  /** Checks that passed, and how many there are; 0 of 0 where it was never checked. */
  passed: number
  checks: number
}

export function standingOf(lesson: Found): Standing {
  const outcomes = progressOf(lesson)?.outcomes ?? []
  return {
    state: stateOf(lesson),
    passed: outcomes.filter(({ passed }) => passed).length,
    checks: outcomes.length,
  }
}

/** The state in words. */
export function describeStanding(lesson: Found): string {
  const { state, passed, checks } = standingOf(lesson)
  if (state === 'new') return 'new'
  if (state === 'done') return 'done'
  if (state === 'stale') return 'changed since checked'
  return progressOf(lesson)?.partial ? 'begun, not all checked' : `begun, ${passed} of ${checks} checks`
}

/** `30 + 30`: a number for each sitting. */
export function minutesOf({ minutes }: Found): string {
  return minutes.join(' + ')
}

/** All lessons in a table, the current one marked. */
export function listLines(lessons: Found[], current: Found): string[] {
  const rows = lessons.map((lesson) => {
    const here = lesson.folder === current.folder
    const colour = { done: chalk.green, begun: chalk.yellow, stale: chalk.yellow, new: chalk.dim }[stateOf(lesson)]
    const title = here ? chalk.bold(lesson.title) : lesson.title
    return [here ? chalk.cyan('→') : ' ', lesson.number, title, minutesOf(lesson), colour(describeStanding(lesson))]
  })
  return tableLines(['', '', 'lesson', 'minutes', 'you'], rows)
}
