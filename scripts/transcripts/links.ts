import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type Fault, readMarkdown } from './markdown.ts'

/** Links of a Markdown file that lead nowhere: to no file, to no heading of it, or to no address at all. */
export function linkFaults(root: string, file: string, text: string): Fault[] {
  return linksOf(text).flatMap(({ target, line }) => {
    const says = whatIsWrong(root, file, target)
    return says ? [{ file, line, says: `${target}: ${says}` }] : []
  })
}

function whatIsWrong(root: string, file: string, target: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return wellFormed(target) ? undefined : 'no address of the web'
  const [path = '', anchor] = target.split('#')
  const place = path ? join(root, dirname(file), decodeURIComponent(path)) : join(root, file)
  if (relative(root, place).startsWith('..')) return 'leads out of the repository'
  if (!existsSync(place)) return 'there is no such file'
  if (anchor === undefined) return undefined
  if (!place.endsWith('.md')) return 'only headings of Markdown files have anchors'
  return anchorsOf(readFileSync(place, 'utf8')).includes(anchor) ? undefined : 'there is no such heading'
}

function wellFormed(target: string): boolean {
  return /^(https?:\/\/[^/]+|mailto:.+@)/.test(target) && URL.canParse(target)
}

/** `[text](target)`, `[name]: target` and `<https://…>`, but not in code. */
function linksOf(text: string): { target: string; line: number }[] {
  const patterns = [/\]\(\s*<?([^\s)>]+)>?[^)]*\)/g, /^ *\[[^\]]+\]: +<?([^\s>]+)/g, /<(https?:[^>]*)>/g]
  return readMarkdown(text).prose.flatMap((raw, i) => {
    const line = raw.replace(/`[^`]*`/g, '')
    return patterns
      .flatMap((pattern) => [...line.matchAll(pattern)])
      .map(([, target = '']) => ({ target, line: i + 1 }))
  })
}

/** The anchors of a file's headings, as GitHub makes them: small letters, no punctuation, a number for the second. */
export function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>()
  return readMarkdown(text).prose.flatMap((line) => {
    const [, heading] = /^#{1,6} +(.*?)(?: +#+)? *$/.exec(line) ?? []
    if (heading === undefined) return []
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = plain.replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return [times === 0 ? anchor : `${anchor}-${times}`]
  })
}
