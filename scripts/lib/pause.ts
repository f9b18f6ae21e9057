import { isFrozen } from '#given/cgroups/counters.ts'
import { UsageError } from '#given/errors.ts'
import { seconds } from '#given/patience.ts'
import type { CommandInfo } from './command.ts'
import { cgroupOf, containersNamed } from './containers.ts'

/** `box pause` and `box unpause` differ in a word. */
export function pauseInfo(verb: string, about: string): CommandInfo {
  return {
    name: 'box',
    usage: `npm run box -- ${verb} NAME…`,
    about,
    examples: ['npm run box -- run --name web -- sh', `npm run box -- ${verb} web`],
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
  }
}

/** Freezes or thaws containers, and returns when they stand still or run. */
export async function setFrozen(names: string[], frozen: boolean): Promise<number> {
  if (names.length === 0) throw new UsageError('which one? The NAME is that of box run --name')
  for (const entry of containersNamed(names)) {
    const { id, spec } = entry.container
    const { freeze } = await cgroupOf(entry)
    freeze(id, frozen)
    for (const deadline = Date.now() + seconds(5); isFrozen(id) !== frozen; await turn()) {
      if (Date.now() > deadline) throw new UsageError(`'${spec.name}' does not come to a stand`, 125)
    }
    console.log(spec.name)
  }
  return 0
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
