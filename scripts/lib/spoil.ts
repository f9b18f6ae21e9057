import { confirm } from './ask.ts'
import { shownOf } from './hints.ts'
import type { Found } from './lessons.ts'
import { stateOf } from './progress.ts'

/** The finished file of a lesson. */
export function referenceOf({ file }: Found): string {
  return file.replace(/\/lessons\/(?=[^/]+\/[^/]+$)/, '/solutions/')
}

/** Asks before the reference is shown, unless there is nothing left to spoil. `again` is how to say yes beforehand. */
export async function maySpoil(lesson: Found, again: string): Promise<boolean> {
  if (stateOf(lesson) === 'done') return true
  const hints = lesson.tasks.reduce((sum, task) => sum + task.hints.length, 0)
  const shown = lesson.tasks.reduce((sum, task) => sum + shownOf(lesson, task), 0)
  const left =
    shown < hints ? `You have had ${shown} of the ${hints} hints of lesson ${lesson.number}.` : 'No hint is left.'
  return confirm(
    `This shows the reference of lesson ${lesson.number}. ${left}\nShow it?`,
    `this shows the reference, and without a terminal nobody can say yes. Say it beforehand: ${again}`,
  )
}
