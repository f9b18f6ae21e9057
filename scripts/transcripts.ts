import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import { callersFolder, command } from './lib/command.ts'
import { compareTexts } from './lib/compare.ts'
import { keep } from './lib/keep.ts'
import { findLesson, project } from './lib/lessons.ts'
import { type Command, readCommands, widthFaults, withOutput } from './transcripts/commands.ts'
import { execute, holds, type Printed, rightCodes } from './transcripts/execute.ts'
import { linkFaults } from './transcripts/links.ts'
import { LIST, manFaults, readList, referencesOf, renewedList, unknownHere } from './transcripts/man.ts'
import type { Fault } from './transcripts/markdown.ts'
import { mask, matches } from './transcripts/mask.ts'

const SIGNS = { right: chalk.green('✓'), wrong: chalk.red('✗'), renewed: chalk.yellow('↻'), left: chalk.dim('–') }

await command(
  {
    name: 'transcripts',
    usage: 'npm run transcripts [FILE|LESSON…]',
    about: `Runs every command of the console blocks in Markdown files and compares what it prints with what they show; then
looks whether their links and their references to man pages lead somewhere. None named means all of them.`,
    options: {
      update: { type: 'boolean', description: 'write what was printed, where more than numbers differ' },
      'no-run': { type: 'boolean', description: 'run nothing: only links, man pages and widths' },
    },
    examples: ['npm run transcripts', 'npm run transcripts 04 README.md', 'npm run transcripts 04 -- --update'],
    needsLinux: true,
  },
  async ({ positionals, values: { update = false, 'no-run': noRun = false } }) => {
    const files = positionals.length > 0 ? (await Promise.all(positionals.map(filesOf))).flat() : markdownFiles()
    if (update) renewList()
    const wrong = noRun ? 0 : await transcripts(files, Boolean(update))
    const all = positionals.length > 0 ? files : [...files, ...sources()]
    const faults = [...all.flatMap(faultsOf), ...unknownHere(readList(read(LIST)))]
    for (const { file, line, says } of faults) console.log(chalk.red(`✗ ${file}:${line}: ${says}`))
    if (faults.length === 0) console.log(chalk.green('✓ Links, man pages and widths: all as they should be.'))
    return wrong + faults.length === 0 ? 0 : 1
  },
)

function read(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

function markdownFiles(folder = '.'): string[] {
  const exclude = (name: string) => name === 'node_modules' || (name.startsWith('.') && name !== '.')
  return globSync(join(folder, '**/*.md'), { cwd: project, exclude }).sort()
}

/** Where comments and messages refer to man pages, too. */
function sources(): string[] {
  const exclude = ['scripts/tests/**']
  return globSync('{lessons,solutions,scripts}/**/*.ts', { cwd: project, exclude }).sort()
}

async function filesOf(wish: string): Promise<string[]> {
  if (!wish.endsWith('.md')) return markdownFiles(join('lessons', (await findLesson(wish)).folder))
  const file = relative(project, resolve(callersFolder, wish))
  if (!existsSync(join(project, file))) throw new UsageError(`there is no ${file}`)
  return [file]
}

function faultsOf(file: string): Fault[] {
  const text = read(file)
  const man = manFaults(referencesOf(file, text), readList(read(LIST)))
  return file.endsWith('.md') ? [...linkFaults(project, file, text), ...widthFaults(file, text), ...man] : man
}

function renewList(): void {
  const references = [...markdownFiles(), ...sources()].flatMap((file) => referencesOf(file, read(file)))
  const [old, renewed] = [read(LIST), renewedList(references, read(LIST))]
  if (old !== renewed) keep(join(project, LIST), renewed)
}

/** Runs the commands of these files, and returns how many of them did not do what is written. */
async function transcripts(files: string[], update: boolean): Promise<number> {
  const counts = { right: 0, wrong: 0, renewed: 0, left: 0 }
  const began = performance.now()
  for (const file of files) {
    const once = remembering(execute) // of one file: what another one has done may be undone by now
    const text = read(file)
    const commands = readCommands(text)
    const renewed = new Map<Command, string[]>()
    if (commands.length > 0) console.log(`\n${chalk.bold(file)}`)
    for (const one of commands) {
      const reason = one.notRun ?? (one.onlyIf && !holds(one.onlyIf) ? `only if ${one.onlyIf}` : undefined)
      const { outcome, says, output } = reason ? left(reason) : judge(one, await once(one.typed), update)
      if (outcome === 'renewed') renewed.set(one, output)
      counts[outcome]++
      console.log(`  ${SIGNS[outcome]} ${String(one.line).padStart(3)}  ${one.typed}`)
      for (const line of says) console.log(`         ${line}`)
    }
    if (renewed.size === 0) continue
    if (read(file) !== text) throw new Error(`${file} has changed meanwhile, and was not written. Once more?`)
    keep(join(project, file), withOutput(text, renewed))
  }
  const { right, wrong, renewed, left: notRun } = counts
  const took = Math.round((performance.now() - began) / 1000)
  console.log(`\n${right} as it is written, ${wrong} not so, ${renewed} renewed, ${notRun} not run; ${took} s.`)
  return wrong
}

interface Judgement {
  outcome: keyof typeof SIGNS
  /** What is the matter; a difference without its numbers. */
  says: string[]
  output: string[]
}

function left(reason: string): Judgement {
  return { outcome: 'left', says: [chalk.dim(`not run: ${reason}`)], output: [] }
}

function judge(one: Command, { lines: output, code }: Printed, update: boolean): Judgement {
  const codes = rightCodes(one)
  const failed = codes !== 'any' && !codes.includes(code)
  const differs = one.shown.length > 0 && !matches(one.shown, output)
  const says = differs ? compareTexts(masked('written', one.shown), masked('printed', output), 0) : failed ? output : []
  if (failed) return { outcome: 'wrong', says: [...says, `exit code ${code}`], output }
  return { outcome: differs ? (update ? 'renewed' : 'wrong') : 'right', says, output }
}

function masked(label: string, lines: string[]) {
  return { label, text: lines.map((line) => `${mask(line)}\n`).join('') }
}

/** A command that stands in two places runs once. */
function remembering<T>(run: (typed: string) => Promise<T>): (typed: string) => Promise<T> {
  const known = new Map<string, Promise<T>>()
  return (typed) => {
    const bare = typed.replace(/\s+# .*/, '')
    const there = known.get(bare) ?? run(bare)
    known.set(bare, there)
    return there
  }
}
