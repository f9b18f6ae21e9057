import type { Spec } from '#given/mechanism.ts'
import type { Arguments, Options } from '../../lib/command.ts'

export const options: Options = {}

/** What these options ask of a container. */
export function read(_values: Arguments['values']): Partial<Spec> {
  return {}
}
