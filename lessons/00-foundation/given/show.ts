/*
 * What demos and the tour print: host and container side by side, and the difference in words.
 */
import { stripVTControlCharacters } from 'node:util'
import { Chalk } from 'chalk'
import { NAMESPACES, type Namespace } from './proc.ts'

/** Colours where a terminal takes them and NO_COLOR (no-color.org) does not forbid them. */
export const chalk = process.env.NO_COLOR ? new Chalk({ level: 0 }) : new Chalk()

// A reader that has seen enough, such as head(1), is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** A line of a comparison: what it is, on the host, in the container, and a remark. */
export type Row = [label: string, host: string, container: string, remark?: string]

/** A heading, with an empty line before it. */
export function heading(text: string): void {
  console.log(`\n${chalk.bold(text)}`)
}

/** A sentence between the tables, indented by nothing, wrapped by nobody: keep it under 80 columns. */
export function say(text: string): void {
  console.log(text)
}

/** A command and what it printed, as one would see it. */
export function transcript(command: string, output: string): void {
  console.log(`${chalk.dim('$')} ${chalk.cyan(command)}`)
  if (output.trimEnd()) console.log(output.trimEnd())
}

/** Prints rows in aligned columns below `host` and `container`. */
export function compare(rows: Row[]): void {
  table(['', 'host', 'container', ''], rows.map(coloured))
}

/** Prints rows in aligned columns below their headings. */
export function table(headings: string[], rows: string[][], gap?: number): void {
  for (const line of tableLines(headings, rows, gap)) console.log(line)
}

/** The lines of such a table, with so many spaces between its columns. */
export function tableLines(headings: string[], rows: string[][], gap = 3): string[] {
  const all = [headings.map((text) => chalk.bold(text)), ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => visible(row[column] ?? ''))))
  return all.map((row) => {
    const cells = widths.map((width, i) => pad(row[i] ?? '', width))
    return cells.join(' '.repeat(gap)).trimEnd()
  })
}

/** Rows for namespaces: the inode on each side, and whose it is. */
export function namespaceRows(
  host: Record<Namespace, string>,
  container: Record<Namespace, string>,
  kinds: readonly Namespace[] = NAMESPACES,
): Row[] {
  return kinds.map((kind) => {
    const own = host[kind] !== container[kind]
    return [`ns/${kind}`, host[kind], container[kind], own ? 'its own' : "the host's"]
  })
}

function coloured([label, host, container, remark = '']: Row): string[] {
  if (remark === 'its own') return [label, host, chalk.green(container), chalk.green(remark)]
  if (remark.startsWith('you ')) return [label, chalk.red(host), container, chalk.red(remark)]
  return [label, host, container, chalk.dim(remark)]
}

const visible = (text: string) => stripVTControlCharacters(text).length
const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - visible(text)))
