import type { Task } from '#given/lesson.ts'

/** Is a task still marked as not written: by notWritten(), or by a flag that is 0 and carries its number? */
export function isMarked(source: string, { id }: Pick<Task, 'id'>): boolean {
  return (
    source.includes(`notWritten('${id} `) ||
    source.includes(`notWritten("${id} `) ||
    new RegExp(`flags: 0.*${id.replace('.', '\\.')}`).test(source)
  )
}

/** Is this a starter as it was handed out, with the marks of all its tasks? */
export function isUntouched(source: string, tasks: Task[]): boolean {
  return tasks.every((task) => isMarked(source, task))
}
