import type { Found } from '../lib/lessons.ts'
import type { State } from '../lib/progress.ts'
import type { Learner } from './learners.ts'
import type { HandedInLesson } from './read.ts'

/** What is asked of a lesson: its own words, so that no report can put others in their place. */
export type LessonInfo = Pick<Found, 'number' | 'folder' | 'name' | 'title' | 'tasks'>

/** How a class stands with a lesson. */
export interface LessonFigures {
  lesson: LessonInfo
  /** How many learners are in each state. */
  states: Record<State, number>
  attempts: number
  hints: number
  referenceShown: number
}

/** How a class stands with a task, in numbers of learners. */
export interface TaskFigures {
  id: string
  title: string
  /** Whose lesson is begun or done. */
  begun: number
  /** Who has written it, and fails its checks; who has not written it. */
  failing: number
  unwritten: number
  /** Who took hints, and how many all of them took. */
  helped: number
  hints: number
}

export interface InNeed {
  learner: Learner
  reasons: string[]
}

/** What a learner's report says of a lesson. */
export function standingIn(learner: Learner, { folder }: LessonInfo): HandedInLesson | undefined {
  return learner.report.lessons.find(({ lesson }) => lesson === folder)
}

/** How far the class is with each lesson. */
export function lessonFigures(learners: Learner[], lessons: LessonInfo[]): LessonFigures[] {
  return lessons.map((lesson) => {
    const theirs = learners.map((learner) => standingIn(learner, lesson))
    const states = { new: 0, begun: 0, stale: 0, done: 0 }
    for (const one of theirs) states[one?.state ?? 'new']++
    return {
      lesson,
      states,
      attempts: sum(theirs.map((one) => one?.attempts ?? 0)),
      hints: sum(theirs.flatMap((one) => Object.values(one?.hints ?? {}))),
      referenceShown: theirs.filter((one) => one?.referenceShown).length,
    }
  })
}

/** The tasks at which somebody fails or took a hint, those that keep most learners first. */
export function stuckAt(learners: Learner[], lessons: LessonInfo[]): TaskFigures[] {
  const tasks = lessons.flatMap((lesson) => {
    const theirs = learners.flatMap((learner) => standingIn(learner, lesson) ?? [])
    return lesson.tasks.map(({ id, title }) => {
      const hints = theirs.map((one) => one.hints[id] ?? 0)
      return {
        id,
        title,
        begun: theirs.filter(({ state }) => state !== 'new').length,
        failing: theirs.filter((one) => isFailing(one, id)).length,
        unwritten: theirs.filter((one) => isUnwritten(one, id)).length,
        helped: hints.filter(Boolean).length,
        hints: sum(hints),
      }
    })
  })
  const some = tasks.filter(({ failing, hints }) => failing + hints > 0)
  return some.sort((a, b) => b.failing - a.failing || b.hints - a.hints || (a.id < b.id ? -1 : 1))
}

/** Reports of older workshops do not say which task failed. */
export function silentOnTasks(learners: Learner[]): number {
  return learners.filter(({ report }) => {
    return report.lessons.some(({ failed, passed, checks }) => failed === undefined && passed < checks)
  }).length
}

/** How often one may check a lesson, for each of its tasks, before somebody should look. */
export const MANY = 4

/** Who needs help, most reasons first. */
export function inNeed(learners: Learner[], lessons: LessonInfo[]): InNeed[] {
  const begun = learners.filter(hasBegun).length
  const all = learners.map((learner) => {
    const idle = !hasBegun(learner) && begun * 2 >= learners.length
    const reasons = lessons.flatMap((lesson) => reasonsOf(lesson, standingIn(learner, lesson)))
    return { learner, reasons: idle ? ['has begun nothing, and at least half of the class has'] : reasons }
  })
  return all.filter(({ reasons }) => reasons.length > 0).sort((a, b) => b.reasons.length - a.reasons.length)
}

const hasBegun = ({ report }: Learner) => report.lessons.some(({ state }) => state !== 'new')

function reasonsOf({ number, tasks }: LessonInfo, one: HandedInLesson | undefined): string[] {
  if (!one || one.state === 'done' || one.state === 'new') return []
  const failing = one.checks - one.passed
  const fails = `${failing} of ${one.checks} checks ${failing === 1 ? 'fails' : 'fail'}`
  const helpless = tasks.filter(({ id, hints }) => (one.hints[id] ?? 0) >= hints.length)
  return [
    ...helpless.filter(({ id }) => isFailing(one, id)).map(({ id }) => `${id} fails after its last hint`),
    ...helpless.filter(({ id }) => isUnwritten(one, id)).map(({ id }) => `${id} is not written after its last hint`),
    ...(failing > 0 && one.attempts > MANY * tasks.length
      ? [`${number} was checked ${one.attempts} times, and ${fails}`]
      : []),
    ...(failing > 0 && one.referenceShown ? [`${number}: has seen the reference, and ${fails}`] : []),
  ]
}

function isFailing({ state, failed = {} }: HandedInLesson, task: string): boolean {
  return isOpen(state) && (failed[task] ?? 0) > 0
}

function isUnwritten({ state, unwritten = [] }: HandedInLesson, task: string): boolean {
  return isOpen(state) && unwritten.includes(task)
}

const isOpen = (state: State) => state === 'begun' || state === 'stale'

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0)
