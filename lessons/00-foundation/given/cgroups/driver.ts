import type { Settings } from './files.ts'
import type { Group } from './hierarchies.ts'
import type { Limits } from './limits.ts'

/** What is done differently in the two versions. What the lesson is about is not here, but in the lesson. */
export interface Driver {
  /** Makes a new, empty group fit for limits and processes. */
  prepare(parent: Group, group: Group): void
  /** Which limit goes into which file: all that the learner does not write. */
  settings(limits: Limits): Settings
  /** Keeps a container from devices, where `settings` cannot. */
  restrictDevices?(group: Group): void
  /** Sends SIGKILL to all that is in a group. */
  kill(group: Group): void
}
