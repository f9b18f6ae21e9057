import { UsageError } from '#given/errors.ts'
import type { Entry } from '#given/running.ts'
import { importFile } from '#given/stack.ts'
import type { freeze, usage } from '../../solutions/08-cgroups/cgroups.ts'

/** What lesson 08 writes for those who look at a container from outside. */
export interface Cgroup {
  freeze: typeof freeze
  usage: typeof usage
}

/**
 * The functions by which a container's cgroup was made: the learner's, or the reference's.
 *
 * @throws {UsageError} where it has none
 */
export async function cgroupOf({ container, layers }: Entry): Promise<Cgroup> {
  const layer = layers.find(({ name }) => name === 'cgroups')
  if (!layer)
    throw new UsageError(`the container '${container.spec.name}' has no cgroup: it runs without lesson 08`, 125)
  return (await importFile(layer.file)) as unknown as Cgroup
}

/** Does it run with lesson 08? */
export function hasCgroup({ layers }: Entry): boolean {
  return layers.some(({ name }) => name === 'cgroups')
}
