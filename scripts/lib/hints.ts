import { existsSync, readFileSync } from 'node:fs'
import type { Task } from '#given/lesson.ts'
import { chalk } from '#given/show.ts'
import type { Wish } from './current.ts'
import type { Found } from './lessons.ts'
import { isMarked } from './marks.ts'
import { type Outcome, progressOf, recordHint, stateOf } from './progress.ts'
import { coloured, isUnwritten } from './reporter.ts'

/** What to give a hint for, and why that. */
interface Clue {
  /** None where all is done. */
  task?: Task
  /** Why this task: what is known of the lesson, and whether it still holds. */
  because: string
  /** What the check of that task said when it failed last. */
  said: string[]
  /** The file could not even be loaded, so that no task's hint would help. */
  unloadable?: boolean
}

/** Finds what a learner needs a hint for: the task that he names, else that of the first check that failed last. */
function clueFor({ lesson, task }: Wish): Clue {
  const state = stateOf(lesson)
  const failed = failures(lesson)
  const first = task ? failed.find(({ name }) => taskOf(name) === task.id) : failed[0]
  const said = first && state === 'begun' ? first.said.filter((line) => !isUnwritten(line)) : []
  if (said.some((line) => line.includes('cannot be loaded'))) {
    return { because: 'Your file cannot be loaded. Mend that first:', said, unloadable: true }
  }
  if (task) return { task, because: first ? sayFailed(first, state === 'stale') : '', said }
  if (state === 'done') return { because: `All checks of lesson ${lesson.number} pass.`, said: [] }
  const failing = first && lesson.tasks.find(({ id }) => id === taskOf(first.name))
  if (first && failing) return { task: failing, because: sayFailed(first, state === 'stale'), said }
  const [next] = unwritten(lesson)
  if (next) return { task: next, because: 'Not checked yet; this is the first task that is not written:', said }
  return { because: `Nothing is known of your file yet: npm run check ${lesson.number}`, said }
}

function sayFailed({ name }: Outcome, stale: boolean): string {
  if (!stale) return `This check failed: ${name}`
  const lesson = name.split('.')[0]
  return `You have changed your file since its last check (npm run check ${lesson}). Then, this one failed:\n${name}`
}

function failures(lesson: Found): Outcome[] {
  return progressOf(lesson)?.outcomes.filter(({ passed }) => !passed) ?? []
}

function unwritten({ file, tasks }: Found): Task[] {
  const source = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return tasks.filter((task) => isMarked(source, task))
}

const taskOf = (name: string) => name.split(' ')[0] ?? ''

/** How many hints of a task were shown. */
export function shownOf(lesson: Found, { id }: Task): number {
  const count = progressOf(lesson)?.hints[id]
  return typeof count === 'number' ? count : 0
}

/**
 * What a learner reads who asks for a hint: why this one, what the check said, the hint. That it was shown is remembered.
 *
 * @param all all of the task's hints at once
 */
export function hintLines(wish: Wish, all = false): string[] {
  const { task, because, said, unloadable } = clueFor(wish)
  const about = [...because.split('\n').filter(Boolean), ...said.map((line) => `  ${coloured(line)}`)]
  if (unloadable) return about
  if (!task) return [...about, `Name a task to see its hints: npm run hint ${wish.lesson.tasks[0]?.id}`]
  return [...about, ...(about.length > 0 ? [''] : []), ...give(wish.lesson, task, all)]
}

/** The same for somebody who has just read what the check said. */
export function hintAlone(lesson: Found): string[] {
  const { task, because, unloadable } = clueFor({ lesson })
  if (unloadable) return ['The file must be one that can be loaded. A hint would not help before.']
  return task ? give(lesson, task, false) : [because]
}

function give(lesson: Found, task: Task, all: boolean): string[] {
  const last = task.hints.length
  const step = all ? last : nextStep(lesson, task)
  recordHint(lesson, task.id, step)
  const shown = task.hints.slice(all ? 0 : step - 1, step)
  const over = `That was the last one. npm run solution ${lesson.number} shows the reference.`
  return [
    chalk.bold(`${task.id} · ${task.title}`),
    ...shown.flatMap((hint, i) => ['', chalk.cyan(`Hint ${all ? i + 1 : step} of ${last}`), ...hint.split('\n')]),
    '',
    chalk.dim(step < last ? 'Ask again for the next one.' : over),
  ]
}

/** The number of the hint that is next, from 1; the last one again after the last. */
function nextStep(lesson: Found, task: Task): number {
  return Math.min(shownOf(lesson, task) + 1, task.hints.length)
}
