import type { Limits } from './cgroups/limits.ts'

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
  /** Capabilities that the lab of its demo keeps, though they reach beyond a lab: for a probe that does no harm. */
  keeps?: string[]
  /** Its demo shows a Debian of packages from a mirror. A lab has no network, so it is fetched before. */
  fetches?: true
  /** Its step of `npm start`. */
  tour?: Tour
}

/** One step of the tour: the same shell commands on the host and in the container. */
export interface Tour {
  /** What the mechanism does, in two lines of 76 characters at the most. */
  says: string
  /** Run on the host first, so that there is something to see. */
  prepare?: string
  /** What its containers may take: lesson 08. */
  limits?: Limits
  /** Each prints one short line. The first one goes into the table at the end. */
  looks: { label: string; command: string }[]
  /** What follows from it, or what it does not do: the bridge to the next step. */
  but: string
}

export interface Task {
  /** As in the checks' names: '04.1'. */
  id: string
  title: string
  /** Three steps: a nudge, the mechanism, the code. */
  hints: [nudge: string, mechanism: string, code: string]
}
