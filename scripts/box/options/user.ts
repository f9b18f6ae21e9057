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

interface Wish {
  mechanisms: string[]
  asked: Partial<Spec>
}

/**
 * What of a container the caller can have who is not root. Limits that he did not ask for he does not miss.
 *
 * @throws {UsageError} for what he did ask for, and what takes root
 */
export async function fit({ mechanisms, asked }: Wish, inLab: boolean): Promise<Wish> {
  if (process.getuid?.() === 0) return { mechanisms, asked }
  if (inLab)
    throw new UsageError(
      '--only, --without and --mine run in a lab, and a lab takes root. Become root first: sudo -E env "PATH=$PATH" npm …\n' +
        '  Or leave them out: without root a container has all mechanisms, in a user namespace (lesson 07)',
      125,
    )
  const limited = Object.keys(asked.limits ?? {}).length > 0
  return {
    mechanisms: mechanisms.filter((name) => name !== 'cgroups' || limited),
    asked: { ...asked, ...(await networkWithoutRoot(asked)) },
  }
}

/** A cable to a bridge takes root. A program that carries its packets does not. */
async function networkWithoutRoot({ network }: Partial<Spec>): Promise<Partial<Spec>> {
  if (network?.mode !== 'bridge') return {}
  const { findCarrier } = await import('#given/user/carrier.ts')
  const carrier = findCarrier()
  if (network.address) throw new UsageError('--ip: an address of its own takes root, who can lay a cable', 125)
  if (network.ports.length > 0 && carrier !== 'pasta')
    throw new UsageError('--publish without root takes pasta: apt-get install passt, and /dev/net/tun for all', 125)
  if (carrier) return { network: { ...network, mode: 'none', carrier } }
  console.error(
    'box: no network but loopback, since you are not root and here is no program to carry it.\n' +
      '  apt-get install passt, and /dev/net/tun must be for all. --net none says that you mean it',
  )
  return { network: { ...network, mode: 'none' } }
}
