import { isFrozen } from '#given/cgroups/counters.ts'
import { UsageError } from '#given/errors.ts'
import { seconds } from '#given/patience.ts'
import type { Entry } from '#given/running.ts'
import { boxesNamed, entryOf, forEach, settled } from './boxes.ts'
import type { CommandInfo } from './command.ts'
import { cgroupOf, hasCgroup } from './containers.ts'
import { verb } from './verbs.ts'

/** `box pause` and `box unpause` differ in a word. */
export function pauseInfo(name: string, about: string): CommandInfo {
  return verb({ usage: `${name} NAME…`, about, examples: ['run -d --name web -- httpd', `${name} web`] })
}

/** Freezes or thaws containers, and returns when they stand still or run. */
export async function setFrozen(names: string[], frozen: boolean): Promise<number> {
  return forEach(await boxesNamed(names), async (box) => {
    await freezeOne(entryOf(await settled(box)), frozen)
  })
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
