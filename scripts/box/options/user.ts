import { UsageError } from '#given/errors.ts'
import type { Spec } from '#given/mechanism.ts'
import type { Arguments, Options } from '../../lib/command.ts'
import type { Who } from '../../lib/machine.ts'

export const options: Options = {
  userns: { type: 'boolean', description: 'a user namespace: root in it, and outside without root or as nobody' },
}

/** What these options ask of a container: nothing, since ids.ts gives the caller what he may have. */
export function read(_values: Arguments['values']): Partial<Spec> {
  return {}
}

/** Who asks for a user namespace stays who he is. Others become root where they may, and do without where they may not. */
export function who({ values }: Arguments): Who {
  return values.userns ? 'anybody' : 'root if possible'
}

/**
 * What of a container an ordinary user can have. Limits that he did not ask for he does not miss.
 *
 * @throws {UsageError} where it takes a lab, and so root
 */
export function withoutRoot(mechanisms: string[], inLab: boolean, spec: Partial<Spec>): string[] {
  if (process.getuid?.() === 0) return mechanisms
  if (inLab)
    throw new UsageError(
      '--only, --without and --mine run in a lab, and a lab takes root. Become root first: sudo -E env "PATH=$PATH" npm …\n' +
        '  Or leave them out: without root a container has all mechanisms, in a user namespace (lesson 07)',
      125,
    )
  const limited = Object.values(spec.limits ?? {}).some((limit) => limit !== undefined)
  return mechanisms.filter((name) => name !== 'cgroups' || limited)
}
