import { configure } from '#given/cgroups/configure.ts'
import type { Mechanism } from '#given/mechanism.ts'
import { create, remove, settings } from '../../solutions/08-cgroups/cgroups.ts'

/** The mistake that is easily made: a group with limits, and nobody in it. The demo shows what it limits. */
export const unattached: Mechanism = {
  name: 'unattached',
  flags: 0,
  outside({ id, spec }) {
    create(id)
    configure(id, spec.limits, settings)
  },
  cleanup: ({ id }) => remove(id),
}
