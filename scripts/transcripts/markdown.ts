/*
 * As much of Markdown as transcripts and links take: fenced blocks, the comments above them, and what is neither.
 */

/** Something that is wrong in a file. */
export interface Fault {
  file: string
  line: number
  says: string
}

/** A fenced block of code. */
export interface Block {
  language: string
  /** The comment on the line above, without its marks. */
  comment: string
  /** The line of what comes first in it, counted from 0. */
  start: number
  lines: string[]
  /** What each of its lines is indented by, as in a list. */
  indent: string
}

export interface Markdown {
  lines: string[]
  blocks: Block[]
  /** The same lines, and an empty one for each that belongs to a block. */
  prose: string[]
}

export function readMarkdown(text: string): Markdown {
  const lines = text.split('\n')
  const prose = [...lines]
  const blocks: Block[] = []
  for (let i = 0; i < lines.length; i++) {
    const [, indent = '', fence, language = ''] = /^( *)(`{3,}|~{3,}) *(\S*)/.exec(lines[i] ?? '') ?? []
    if (!fence) continue
    const comment = /^ *<!-- (.*) -->$/.exec(lines[i - 1] ?? '')?.[1] ?? ''
    const start = i + 1
    const length = lines.slice(start).findIndex((line) => line.trim() === fence)
    const end = length === -1 ? lines.length : start + length
    const within = lines.slice(start, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    blocks.push({ language, comment, start, lines: within, indent })
    prose.fill('', i, end + 1)
    i = end
  }
  return { lines, blocks, prose }
}
