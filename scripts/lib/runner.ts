/*
 * vitest's runner for the lessons' checks: those of the task that the learner works on run first, then all others in the
 * order of the file.
 */
import { inject, type RunnerTestFile, TestRunner } from 'vitest'
import { taskFirst } from './turns.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The task, such as `04.2`. */
    first: string | undefined
  }
}

export default class TaskFirst extends TestRunner {
  /** Called when vitest knows all tests of a file, and has reported them in the file's order. */
  onCollected(files: RunnerTestFile[]): void {
    for (const file of files) file.tasks = taskFirst(file.tasks, inject('first'))
  }
}
