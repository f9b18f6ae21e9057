/** What a lesson says of itself, in its lesson.ts. Its number and order come from its folder. */
export interface Lesson {
  /** The name of its file and of its mechanism: `uts` for 04-uts/uts.ts. */
  name: string
  title: string
  /** How long it takes, a number for each sitting: a lesson with two has a marked place to stop. */
  minutes: number[]
  /** The mechanisms that its checks run beside its own; they come from the reference. */
  needs: string[]
  tasks: Task[]
}

export interface Task {
  /** As in the checks' names: '04.1'. */
  id: string
  title: string
  /** Three steps: a nudge, the mechanism, the code. */
  hints: [nudge: string, mechanism: string, code: string]
}
