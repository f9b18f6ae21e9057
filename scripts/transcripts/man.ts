import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Fault, readMarkdown } from './markdown.ts'

/**
 * The pages that may be referred to, a line each. `--update` adds what this machine's man(1) knows. A page that it does
 * not know stands there with a remark, by hand: where it comes from.
 */
export const LIST = 'scripts/transcripts/man-pages.txt'

/** A reference such as `pivot_root(2)`. */
export interface Reference {
  page: string
  file: string
  line: number
}

/** References of a file: in Markdown outside of blocks, in TypeScript in comments and strings. */
export function referencesOf(file: string, text: string): Reference[] {
  const lines = file.endsWith('.md') ? readMarkdown(text).prose : wordsOf(text).split('\n')
  return lines.flatMap((line, i) =>
    [...line.matchAll(/(?<![a-zA-Z0-9.$-])(?!process\.)(?:_exit|[a-z][\w.-]*)\([1-8]\)/g)].map(([page]) => ({
      page,
      file,
      line: i + 1,
    })),
  )
}

/** What is not code, in its lines. */
function wordsOf(source: string): string {
  const token = /(\/\*[\s\S]*?\*\/|(?<![:\\])\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|[^\n]/g
  return source.replace(token, (_, words: string | undefined) => (words ?? ' ').replace(/\$\{[^}]*\}|\\n/g, ' '))
}

/** The list: each page, and the remark behind it. */
export function readList(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split('# ')[1] ?? '']))
}

/** References to pages that are not in the list. */
export function manFaults(references: Reference[], list: Map<string, string>): Fault[] {
  return references
    .filter(({ page }) => !list.has(page))
    .map(({ page, file, line }) => ({ file, line, says: `${page} is not in ${LIST}: is there such a page?` }))
}

/** Pages of the list, without a remark, that this machine's man(1) does not know; none where it knows nothing. */
export function unknownHere(list: Map<string, string>): Fault[] {
  if (!isKnown('chroot(2)')) return []
  const lines = readFileSync(LIST, 'utf8').split('\n')
  return [...list]
    .filter(([page, remark]) => !remark && !isKnown(page))
    .map(([page]) => ({
      file: LIST,
      line: lines.findIndex((line) => line.split(' ')[0] === page) + 1,
      says: `man(1) does not know ${page}. If it exists elsewhere, say where: ${page}  # the package`,
    }))
}

/** The list as it should be: what is referred to, where man(1) knows it or where somebody has listed it before. */
export function renewedList(references: Reference[], old: string): string {
  const list = readList(old)
  const pages = [...new Set(references.map(({ page }) => page))].filter((page) => list.has(page) || isKnown(page))
  const head = old.split('\n').filter((line) => line.startsWith('#'))
  const lines = pages.sort().map((page) => (list.get(page) ? `${page}  # ${list.get(page)}` : page))
  return `${[...head, ...lines].join('\n')}\n`
}

function isKnown(page: string): boolean {
  const [, name = '', section = ''] = /^(.*)\((\d)\)$/.exec(page) ?? []
  return spawnSync('man', ['-w', section, name], { stdio: 'ignore' }).status === 0
}
