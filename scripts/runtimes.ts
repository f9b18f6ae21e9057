import { UsageError } from '#given/errors.ts'
import { labOrder } from '#given/lab-order.ts'
import { run } from '#given/run.ts'
import { command } from './lib/command.ts'
import { suggest } from './lib/suggest.ts'
import { RUNTIMES } from './runtimes/all.ts'
import type { Orders } from './runtimes/orders.ts'

const NAMES = RUNTIMES.map(({ name }) => name)

await command(
  {
    name: 'runtimes',
    usage: 'npm run runtimes [NAME…]',
    about: `Lays container runtimes side by side: each that is installed starts \`sleep\` in the same root, and /proc says what
it gave it. Which namespaces, which cgroups, which capabilities, and who stays beside it. None named means all:
${NAMES.join(' ')}. It happens in a lab, without a network, and is gone with it.`,
    options: {
      json: { type: 'boolean', description: 'as JSON, for programs' },
      image: { type: 'boolean', description: 'instead, run one image by podman with runc, with crun, and by box' },
      shell: { type: 'boolean', description: 'instead, open a shell in such a lab, with the daemons of these' },
      command: { type: 'string', short: 'c', value: 'SCRIPT', description: 'let that shell run this' },
    },
    examples: [
      'npm run runtimes',
      'npm run runtimes runc crun',
      'npm run runtimes docker -- -c "docker info"',
      'npm run runtimes -- --image',
    ],
    needsLinux: true,
  },
  async ({ positionals, values: { json, image, shell, command: script } }) => {
    const unknown = positionals.find((name) => !NAMES.includes(name))
    if (unknown) throw new UsageError(`there is no runtime '${unknown.slice(0, 40)}' here. ${suggest(unknown, NAMES)}`)
    const inShell = Boolean(shell) || script !== undefined
    if (inShell && positionals.length === 0)
      throw new UsageError(`which runtimes is the shell to have? Such as: npm run runtimes docker -- --shell`)
    if ([image, inShell].filter(Boolean).length > 1 || (json && inShell))
      throw new UsageError('--image, --shell and --json: one at a time, but for --image --json')
    const orders: Orders = {
      names: positionals.length > 0 ? positionals : NAMES,
      json: Boolean(json),
      do: image ? 'image' : inShell ? 'shell' : 'measure',
      ...(script === undefined ? {} : { script: String(script) }),
    }
    return run(inLab(orders))
  },
)

/** A lab that keeps all of root's capabilities, so that it is seen who drops which; and a part of one tree more. */
function inLab(orders: Orders) {
  const file = (name: string) => new URL(`runtimes/${name}.ts`, import.meta.url).pathname
  const order = labOrder([process.execPath, '--no-warnings', file('inside'), JSON.stringify(orders)], 'host')
  order.spec.privileges = { ...order.spec.privileges, asked: ['SYS_MODULE', 'SYS_BOOT', 'SYS_TIME'] }
  order.layers.push({ name: 'systemdTree', file: file('systemd-tree') })
  return order
}
