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
  if (state === 'stale') return 'changed since it was checked'
  const known = progressOf(lesson)?.partial ? ', not all ran' : ''
  return `begun: ${passed} of ${checks} checks pass${known}`
}

/** `30 + 30`: a number for each sitting. */
export function minutesOf({ minutes }: Found): string {
  return minutes.join(' + ')
}
