import { UsageError } from '#given/errors.ts'
import { type Arguments, command } from './lib/command.ts'
import { describeBox, ensureBox } from './vm/box.ts'
import { connect, destroy, halt, reset, resume, status, suspend, up } from './vm/machine.ts'
import { sync, watch } from './vm/sync.ts'
import { testInside } from './vm/test.ts'

const commands: Record<string, (args: Arguments) => Promise<number>> = {
  up: () => up('default'),
  ssh: ({ positionals }) => connect(positionals.slice(1)),
  test: testInside,
  sync: ({ values }) => (values.watch ? watch() : sync()),
  suspend,
  resume,
  halt,
  reset,
  destroy,
  status,
  box: async ({ values: { suite, force } }) => {
    const file = await ensureBox({ ...(typeof suite === 'string' ? { suite } : {}), force: Boolean(force) })
    console.log(describeBox(file))
    return 0
  },
}

// What follows `ssh` is the machine's, with its options and its --, as with ssh(1).
const [verb, ...words] = process.argv.slice(2)
const forMachine = verb === 'ssh' && !['--help', '-h'].includes(words[0] ?? '')

await command(
  {
    name: 'vm',
    ...(forMachine ? { args: ['ssh', '--', ...words] } : {}),
    usage: 'npm run vm -- COMMAND',
    about: `The workshop's Linux machine, by Vagrant: one that you may break.

  up        makes it, or starts it; installs and builds what that takes
  ssh       opens a shell in it, or runs a command: npm run vm -- ssh npm run check 04
  sync      brings your files into it; with --watch whenever you save one
  test      npm test, inside it; from nothing, if need be
  reset     back to when it was new, in seconds. What you have on the host stays
  suspend   puts it to sleep; resume wakes it up
  halt      shuts it down
  destroy   removes it
  status    what it is doing
  box       builds the file that it is made from, to hand on: WORKSHOP_BOX=file npm run vm -- up`,
    options: {
      watch: { type: 'boolean', short: 'w', description: 'sync: go on, and bring every file that is saved' },
      cgroup: { type: 'string', value: 'v1|v2', description: 'test: which cgroups the machine boots with. v2' },
      keep: { type: 'boolean', description: 'test: leave the machine running' },
      suite: { type: 'string', value: '12|13', description: 'box: which Debian. 12' },
      force: { type: 'boolean', description: 'box: build it again, even where nothing has changed' },
    },
  },
  async (args) => {
    const [name = 'status'] = args.positionals
    const run = commands[name]
    if (!run) {
      const { suggest } = await import('./lib/suggest.ts')
      throw new UsageError(`there is no 'npm run vm -- ${name}'. ${suggest(name, Object.keys(commands))}`)
    }
    return run(args)
  },
)
