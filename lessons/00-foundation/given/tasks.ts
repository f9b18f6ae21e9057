import { createRequire } from 'node:module'
import { NotWritten } from './errors.ts'
import { readdirSync } from './fs.ts'

/*
 * Tasks are numbered 03.1, 03.2 …, and a check is about one of them. While it runs, what you have not written yet for
 * another task must not fail it: such a part is skipped, or lent by the reference where it is a function that the rest
 * needs.
 */

const lessons = new URL('../../', import.meta.url)
const solutions = new URL('../../../solutions/', import.meta.url)

let checking: string | undefined

/** Says that this process runs for the check of one task, such as '03.2'. */
export function setTask(task: string | undefined): void {
  checking = task
}

/**
 * Marks what you are to write. Delete the line when you begin.
 *
 * @throws {NotWritten} unless a check of another task is running
 */
export function notWritten(task: string): void
export function notWritten<A extends unknown[], R>(task: string, stub: (...args: A) => R, ...args: A): R
export function notWritten(task: string, stub?: (...args: unknown[]) => unknown, ...args: unknown[]): unknown {
  const number = task.split(' ')[0] ?? task
  if (checking === undefined || checking === number) throw new NotWritten(task)
  return stub && reference(number, stub.name)(...args)
}

/** The reference's function of the same name. require() because a synchronous function cannot await import(). */
function reference(task: string, name: string): (...args: unknown[]) => unknown {
  const lesson = readdirSync(lessons).find((folder) => folder.startsWith(`${task.slice(0, 2)}-`))
  if (!lesson) throw new NotWritten(task)
  const file = new URL(`${lesson}/${lesson.slice(3)}.ts`, solutions)
  return createRequire(import.meta.url)(file.pathname)[name]
}
