import { type Fault, readMarkdown } from './markdown.ts'

/** A line `$ command` of a ```console block, and the lines below it, which are what it prints. */
export interface Command {
  typed: string
  shown: string[]
  /** Its line, counted from 1. */
  line: number
  /** From `<!-- not run: reason -->` above the block. */
  notRun?: string
  /** From `<!-- only if: shell command -->`: what must be there. */
  onlyIf?: string
  indent: string
}

export const WIDTH = 80

/** The commands of a Markdown file, in their order. */
export function readCommands(text: string): Command[] {
  return readMarkdown(text).blocks.flatMap(({ language, comment, start, lines, indent }) => {
    if (language !== 'console') return []
    const [, kind, rest = ''] = /^(not run|only if): (.+)$/.exec(comment) ?? []
    const mark = kind === 'not run' ? { notRun: rest } : kind === 'only if' ? { onlyIf: rest } : {}
    const commands: Command[] = []
    lines.forEach((text, i) => {
      const last = commands.at(-1)
      if (begins(text, last)) commands.push({ typed: text.slice(2), shown: [], line: start + i + 1, indent, ...mark })
      else last?.shown.push(text)
    })
    for (const { shown } of commands) while (shown.at(-1)?.trim() === '') shown.pop()
    return commands
  })
}

/** A demo prints lines that begin with `$` itself: after one, only npm's is the next command. */
function begins(line: string, last: Command | undefined): boolean {
  return line.startsWith(last && isShow(last.typed) ? '$ npm ' : '$ ')
}

export const isShow = (typed: string) => /^npm (run demo|start|run runtimes -- --image)\b/.test(typed)

/** Lines that a terminal would wrap. What is typed may be longer: the comment behind it is the reader's. */
export function widthFaults(file: string, text: string): Fault[] {
  return readCommands(text).flatMap(({ shown, line }) =>
    shown.flatMap((text, i) => {
      const columns = [...text].length
      if (columns <= WIDTH) return []
      return [{ file, line: line + 1 + i, says: `${columns} columns; a terminal may have no more than ${WIDTH}` }]
    }),
  )
}

/** The text with other lines below some of its commands. */
export function withOutput(text: string, printed: Map<Command, string[]>): string {
  const lines = text.split('\n')
  const fromTheEnd = [...printed].sort(([a], [b]) => b.line - a.line)
  for (const [{ line, shown, indent }, output] of fromTheEnd) {
    lines.splice(line, shown.length, ...output.map((text) => (indent + text).trimEnd()))
  }
  return lines.join('\n')
}
