import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from '#given/errors.ts'
import { exitCodeOf, explain } from '#given/explain.ts'
import { project } from './lessons.ts'
import { requireMachine } from './machine.ts'

export interface CommandInfo<O extends NonNullable<ParseArgsConfig['options']>> {
  name: string
  usage: string
  about: string
  /** Its options, for util.parseArgs; a `description` each for --help. */
  options?: O
  /** Lines for the end of --help. */
  examples?: string[]
  /** Does it make namespaces? Then it wants Linux, root, and a machine that may be broken. */
  needsLinux?: boolean
}

type Described = NonNullable<ParseArgsConfig['options']>[string] & { description?: string; value?: string }

/** The values of the options, loosely: each command knows its own. */
export interface Arguments {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>
  positionals: string[]
}

/**
 * Runs a command of `npm run`: parses its arguments, answers --help, turns what it throws into a sentence, and sets the
 * exit code: 2 for bad usage, 1 or the error's own otherwise.
 */
export async function command(
  info: CommandInfo<Record<string, Described>>,
  body: (args: Arguments) => Promise<number | undefined>,
): Promise<void> {
  // npm runs scripts in the project's folder; the same for `npx tsx scripts/demo.ts` from elsewhere.
  process.chdir(project)
  process.env.NODE_COMPILE_CACHE ??= `${project}/.workshop/cache`
  try {
    const args = parse(info)
    if (args.values.help) {
      console.log(help(info))
      return
    }
    if (info.needsLinux) requireMachine(Boolean(args.values.here))
    process.exitCode = (await body(args)) ?? 0
  } catch (error) {
    process.exitCode = error instanceof UsageError ? error.exitCode : exitCodeOf(error) === 125 ? 1 : exitCodeOf(error)
    console.error(`${info.name}: ${explain(error)}`)
  }
}

function parse({ name, options = {}, needsLinux }: CommandInfo<Record<string, Described>>): Arguments {
  const help: Described = { type: 'boolean', short: 'h' }
  const here: Record<string, Described> = needsLinux ? { here: { type: 'boolean' } } : {}
  try {
    const { values, positionals } = parseArgs({ options: { ...options, ...here, help }, allowPositionals: true })
    return { values, positionals }
  } catch (error) {
    const message = (error as Error).message.split('. To specify')[0]
    throw new UsageError(`${message}\n  npm run ${name} -- --help shows what it takes`)
  }
}

function help({
  usage,
  about,
  options = {},
  examples = [],
  needsLinux,
}: CommandInfo<Record<string, Described>>): string {
  const all: Record<string, Described> = {
    ...options,
    ...(needsLinux ? { here: { type: 'boolean', description: 'run on this machine, though it is no VM' } } : {}),
    help: { type: 'boolean', short: 'h', description: 'show this' },
  }
  const lines = Object.entries(all).map(([name, { short, type, value, description = '' }]) => {
    const flag = `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
    return `  ${flag.padEnd(26)} ${description}`
  })
  const parts = [about, '', `Usage: ${usage}`, '', 'Options (after --, or npm takes them for its own):', ...lines]
  if (examples.length > 0) parts.push('', 'Examples:', ...examples.map((line) => `  ${line}`))
  return parts.join('\n')
}
