import { isFrozen } from '#given/cgroups/counters.ts'
import { UsageError } from '#given/errors.ts'
import { seconds } from '#given/patience.ts'
import type { Entry } from '#given/running.ts'
import type { CommandInfo } from './command.ts'
import { cgroupOf, containersNamed, hasCgroup } from './containers.ts'

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
    await freezeOne(entry, frozen)
    console.log(entry.container.spec.name)
  }
  return 0
}

/** Freezes or thaws one, and returns when it stands still or runs. */
export async function freezeOne(entry: Entry, frozen: boolean): Promise<void> {
  const { id, spec } = entry.container
  const { freeze } = await cgroupOf(entry)
  freeze(id, frozen)
  for (const deadline = Date.now() + seconds(5); isFrozen(id) !== frozen; await turn()) {
    if (Date.now() > deadline) throw new UsageError(`'${spec.name}' does not come to a stand`, 125)
  }
}

/** Does `work` while a container stands still; where it has no cgroup, it goes on meanwhile. */
export async function whileFrozen<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
  if (!hasCgroup(entry) || isFrozen(entry.container.id)) return work()
  await freezeOne(entry, true)
  try {
    return await work()
  } finally {
    await freezeOne(entry, false)
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
