import type { ParseArgsConfig } from 'node:util'
import { UsageError } from '#given/errors.ts'
import { project } from '#given/spec.ts'
import { isDisposable, requireMachine, type Who } from './machine.ts'

/** The folder in which the command was typed: npm starts its scripts in the project's own, and says where it was. */
export const callersFolder = (process.cwd() === project && process.env.INIT_CWD) || process.cwd()

/** Options for util.parseArgs, with a `description` each for --help, and a word for the `value` that one takes. */
export type Options = Record<string, Described>
type Described = NonNullable<ParseArgsConfig['options']>[string] & { description?: string; value?: string }

export interface CommandInfo {
  name: string
  usage: string
  about: string
  options?: Options
  /** Lines for the end of --help. */
  examples?: string[]
  /** Does it make namespaces? Then it wants Linux, root, and a machine that may be broken. */
  needsLinux?: boolean
  /** Who may run it, where that is not root alone. */
  who?: (args: Arguments) => Who
  /** What to do instead where lessons do not run, such as the same in the VM. */
  elsewhere?: (args: Arguments) => Promise<number>
  /** The arguments, where they are not all that were typed. */
  args?: string[]
  /** The exit code of what fails, unless the error has its own: 1. */
  failure?: number
}

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
  info: CommandInfo,
  body: (args: Arguments) => Promise<number | undefined>,
): Promise<void> {
  // npm runs scripts in the project's folder; the same for `npx tsx scripts/demo.ts` from elsewhere.
  process.env.INIT_CWD = callersFolder // for whoever goes on as root: machine.ts
  process.chdir(project)
  process.env.NODE_COMPILE_CACHE ??= `${project}/.workshop/cache`
  try {
    const args = await parse(info)
    if (args.values.help) {
      console.log(help(info, await wrapping()))
      return
    }
    const here = Boolean(args.values.here)
    if (info.elsewhere && !isDisposable(here)) {
      process.exitCode = await info.elsewhere(args)
      return
    }
    if (info.needsLinux) requireMachine(here, info.who?.(args))
    process.exitCode = (await body(args)) ?? 0
  } catch (error) {
    const { exitCodeOf, explain } = await import('#given/explain.ts')
    const code = exitCodeOf(error)
    process.exitCode = code === 1 || code === 125 ? (info.failure ?? 1) : code
    console.error(`${info.name}: ${explain(error)}`)
  }
}

/** Is the value of this option the next word? So with --env and -ite; not with --env=A=1 and -eA=1, which hold theirs. */
export function takesNext(word: string, options: Options): boolean {
  if (word.startsWith('--')) return options[word.slice(2)]?.type === 'string'
  const types = [...word.slice(1)].map((letter) => Object.values(options).find(({ short }) => short === letter)?.type)
  return types.length > 0 && types.indexOf('string') === types.length - 1
}

async function parse({ name, usage, options = {}, needsLinux, args }: CommandInfo): Promise<Arguments> {
  // Not imported above: `import … from 'node:util'` takes Node 2 ms, and the start of `box` is measured.
  const { parseArgs } = process.getBuiltinModule('node:util')
  const own: Options = { help: { type: 'boolean', short: 'h' }, ...(needsLinux ? { here: { type: 'boolean' } } : {}) }
  const all = { ...options, ...own }
  if (process.env.npm_lifecycle_event === name)
    (await import('./swallowed.ts')).refuseSwallowed(name, Object.keys(options))
  try {
    const { values, positionals } = parseArgs({ ...(args ? { args } : {}), options: all, allowPositionals: true })
    return { values, positionals }
  } catch (error) {
    const message = (error as Error).message.split('. To specify')[0] ?? ''
    const unknown = message.match(/^Unknown option '--([\w-]+)/)?.[1]
    const { nearest } = await import('./suggest.ts')
    const near = unknown && (nearest(unknown, Object.keys(all)) ?? longer(unknown, Object.keys(all)))
    const meant = near ? `. Did you mean --${near}?` : ''
    const verb = usage.match(/^npm run box -- [a-z]+/)?.[0] ?? `npm run ${name} --`
    throw new UsageError(`${message}${meant}\n  ${verb} --help shows what it takes`)
  }
}

/** The word that is longer than another, or shorter: --network, where there is --net. */
function longer(wish: string, among: string[]): string | undefined {
  return wish.length < 3 ? undefined : among.find((word) => word.startsWith(wish) || wish.startsWith(word))
}

/** Breaks a text into lines that fit beside `indent` columns. Where we do not print to a narrow terminal, as it was written. */
type Wrapping = (text: string, indent?: number) => string[]

async function wrapping(): Promise<Wrapping> {
  const { columns } = process.stdout
  if (!columns || columns >= 120) return (text) => [text]
  const { wrap } = await import('./wrap.ts')
  const lined = (line: string, indent: number) => (line.startsWith(' ') ? [line] : wrap(line, columns - indent))
  return (text, indent = 0) => paragraphs(text).flatMap((line) => lined(line, indent))
}

/** Joins lines of running text. What is indented, such as a list, stays as it is. */
const paragraphs = (text: string): string[] => text.replace(/^(\S.*)\n(?=\S)/gm, '$1 ').split('\n')

const FLAG = 29 // columns, to where what an option is for begins

function help({ usage, about, options = {}, examples = [], needsLinux }: CommandInfo, lines: Wrapping): string {
  const all: Options = {
    ...options,
    ...(needsLinux ? { here: { type: 'boolean', description: 'run on this machine, though it is no VM' } } : {}),
    help: { type: 'boolean', short: 'h', description: 'show this' },
  }
  const flags = Object.entries(all).map(([name, { short, type, value, description = '' }]) => {
    const flag = `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
    return `  ${flag.padEnd(FLAG - 3)} ${lines(description, FLAG).join(`\n${' '.repeat(FLAG)}`)}`
  })
  const parts = [
    ...lines(about),
    '',
    `Usage: ${usage}`,
    '',
    'Options (after --, or npm takes them for its own):',
    ...flags,
  ]
  if (examples.length > 0) parts.push('', 'Examples:', ...examples.map((line) => `  ${line}`))
  return parts.join('\n')
}
