import { ensureRootfs } from './rootfs.ts'
import type { Order } from './run.ts'
import { project, spec } from './spec.ts'

const given = (file: string) => new URL(file, import.meta.url).pathname

/**
 * What run.ts is to do for a command in a lab of its own.
 *
 * @param rootfs what containers in the lab have as their root: they may write to it, and it stays as it is
 */
export function labOrder(
  argv: string[],
  hostname = 'host',
  env: Record<string, string> = {},
  rootfs = ensureRootfs(),
): Order {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined))
  const lab = spec({
    argv,
    hostname,
    rootfs,
    env: { ...(inherited as Record<string, string>), ...env },
    cwd: project,
    init: true,
    mechanisms: ['lab'],
  })
  const subtree = { name: 'subtree', file: given('cgroups/subtree.ts') } // the lab's cgroups; to write, after its mounts
  return { spec: lab, layers: [{ name: 'lab', file: given('lab.ts') }, subtree] }
}
