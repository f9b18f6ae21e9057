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
let reference: Record<string, (...args: unknown[]) => unknown> = {}

/**
 * Says that this process runs for the check of one task, such as '03.2'. Loads what the reference may have to lend: later
 * its file may be out of reach, behind a root that is gone.
 */
export async function setTask(task: string | undefined): Promise<void> {
  checking = task
  if (task) reference = await load(task.slice(0, 2))
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
  return stub && reference[stub.name]?.(...args)
}

/** The reference of a lesson. import(), as for a mechanism: Node keeps what require() has compiled under another name. */
async function load(number: string): Promise<typeof reference> {
  const lesson = readdirSync(lessons).find((folder) => folder.startsWith(`${number}-`))
  if (!lesson) throw new RangeError(`there is no lesson ${number}`)
  return import(new URL(`${lesson}/${lesson.slice(3)}.ts`, solutions).pathname)
}
