import type { Network } from '#given/net/network.ts'
import type { State } from '../../lessons/11-box/given/state.ts'
import type { Box } from './boxes.ts'
import { length } from './images.ts'

/** The state of a container in words: Up 3 minutes. */
export function statusText({ status, since, exitCode }: State, now = Date.now()): string {
  const time = length(now - since)
  const texts: Record<State['status'], string> = {
    created: 'Created',
    starting: 'Starting',
    running: `Up ${time}`,
    paused: `Up ${time} (paused)`,
    stopping: 'Stopping',
    exited: `Exited (${exitCode}) ${time} ago`,
    lost: `Lost ${time} ago`,
  }
  return texts[status]
}

/** Its published ports, while they lead anywhere. */
export function portsOf({ state, spec }: Box): Network['ports'] {
  return state.entry ? spec.network.ports : []
}
