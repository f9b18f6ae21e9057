import { UsageError } from '#given/errors.ts'
import { quit } from '#given/run.ts'
import { exec } from '../../lessons/11-box/given/exec.ts'
import { boxNamed, entryOf, settled } from '../lib/boxes.ts'
import { command, type Options, takesNext } from '../lib/command.ts'
import { verb } from '../lib/verbs.ts'
import { yours } from '../lib/yours.ts'
import * as privileges from './options/privileges.ts'
import * as startup from './options/startup.ts'

const { env, workdir } = startup.options
const { user } = privileges.options

const options: Options = {
  detach: { type: 'boolean', short: 'd', description: 'in the background; what it prints is lost' },
  interactive: { type: 'boolean', short: 'i', description: "as Docker's; here your input is its input anyhow" },
  tty: { type: 'boolean', short: 't', description: 'a terminal of its own' },
  ...(env && { env }),
  ...(workdir && {
    workdir: { ...workdir, description: 'where in it the command starts; as its first one unless given' },
  }),
  ...(user && { user: { ...user, description: 'who it runs as, by name or number; as its first one' } }),
  reference: { type: 'boolean', description: 'with the finished join and consoleSize, not yours' },
  verbose: { type: 'boolean', description: 'print each system call that joins, in order' },
}

const { own, argv } = split(process.argv.slice(3))

await command(
  {
    ...verb({
      usage: 'exec [OPTIONS] NAME -- CMD …',
      about: `Runs one more command in a container that runs, beside the first one: with its root, its namespaces, its cgroup, and
no more privileges than it has. The second -- may be left out. Your join and consoleSize do it once all checks of lesson
11 pass, and the finished ones before.

Exit codes: the command's own, 128 plus the signal that ended it, 127 not found, 126 not executable, 125 any other
failure to start it, 2 for what makes no sense as a command line.`,
      options,
      examples: ['exec web -- ps -e', 'exec -it web -- sh', 'exec -u nobody -w /tmp -e LANG=C web -- ls'],
    }),
    args: own,
  },
  async ({ values, positionals: [name] }) => {
    if (name === undefined) throw new UsageError('in which container? The NAME is that of box run --name')
    if (argv.length === 0) throw new UsageError(`which command? For a shell: npm run box -- exec ${name} -- sh`)
    if (values.detach && values.tty)
      throw new UsageError('-d and -t: nobody would see that terminal. Which of the two?')
    const asked = await privileges.read({ user: values.user })
    const cwd = values.workdir === undefined ? undefined : startup.folder(values.workdir)
    const env = startup.environment(values)
    const entry = entryOf(await settled(await boxNamed(name)))
    const [tools] = await yours(['box'], values)
    if (!tools) throw new Error('yours() returns one for each name')
    quit(
      await exec({
        entry,
        argv,
        env,
        cwd,
        user: asked.privileges?.user,
        terminal: Boolean(values.tty),
        detached: Boolean(values.detach),
        tools: tools.file,
        verbose: Boolean(values.verbose),
      }),
    )
  },
)

/** Parts what is ours, up to the NAME, from the command, whose options are its own. */
function split(args: string[]): { own: string[]; argv: string[] } {
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? ''
    if (word.startsWith('-') && word !== '--') {
      if (takesNext(word, options)) i++ // its value is the next word
      continue
    }
    const end = word === '--' ? i : i + 1
    return { own: args.slice(0, end), argv: args.slice(args[end] === '--' ? end + 1 : end) }
  }
  return { own: args, argv: [] }
}
