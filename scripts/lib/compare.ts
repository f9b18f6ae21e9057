import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chalk } from '#given/show.ts'
import { wrap } from './wrap.ts'

/** From how many columns on two files stand side by side. */
const WIDE = 120

/** A text and what to call it. */
export interface Version {
  label: string
  text: string
}

/**
 * What changed from one text to another, line by line: as diff -u shows it, or side by side where there is room. diff(1)
 * does the work; every system has one. Empty where nothing changed.
 *
 * @param columns of the terminal, 0 where there is none
 */
export function compareTexts(from: Version, to: Version, columns: number): string[] {
  const lines = unified(from, to)
  if (lines.length === 0) return []
  return columns >= WIDE ? sideBySide(lines, Math.floor((columns - 3) / 2)) : lines.map(colour)
}

/** @throws {Error} where diff(1) failed */
function unified(from: Version, to: Version): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'workshop-diff-'))
  try {
    const files = [from, to].map(({ text }, i) => {
      const file = join(folder, String(i))
      writeFileSync(file, text)
      return file
    })
    const args = ['-u', '-L', from.label, '-L', to.label, ...files]
    const { status, stdout, stderr, error } = spawnSync('diff', args, { encoding: 'utf8' })
    if (error || (status !== 0 && status !== 1)) throw new Error(`diff(1) failed: ${error?.message ?? stderr.trim()}`)
    return stdout.split('\n').slice(0, -1)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function colour(line: string): string {
  if (line.startsWith('--- ') || line.startsWith('+++ ')) return chalk.bold(line)
  if (line.startsWith('@@')) return chalk.cyan(line)
  if (line.startsWith('-')) return chalk.red(line)
  if (line.startsWith('+')) return chalk.green(line)
  return line.startsWith('\\') ? chalk.dim(line) : line
}

/** What went on the left, what came on the right, what stayed on both. */
function sideBySide([from = '', to = '', ...lines]: string[], width: number): string[] {
  const rows = row(from.slice(4), to.slice(4), ' ', width).map((line) => chalk.bold(line))
  let gone: string[] = []
  let come: string[] = []
  const flush = () => {
    for (let i = 0; i < Math.max(gone.length, come.length); i++) rows.push(...changed(gone[i], come[i], width))
    gone = []
    come = []
  }
  for (const line of lines) {
    const text = line.slice(1)
    if (line.startsWith('-')) gone.push(text)
    else if (line.startsWith('+')) come.push(text)
    else if (!line.startsWith('\\')) {
      flush()
      rows.push(...(line.startsWith('@@') ? [chalk.cyan(line)] : row(text, text, ' ', width)))
    }
  }
  flush()
  return rows
}

function changed(gone: string | undefined, come: string | undefined, width: number): string[] {
  const sign = gone === undefined ? '>' : come === undefined ? '<' : '|'
  return row(gone ?? '', come ?? '', sign, width, chalk.red, chalk.green)
}

/** Two texts beside each other. What is too long for its side goes on below. */
function row(left: string, right: string, sign: string, width: number, ink = plain, otherInk = plain): string[] {
  const [ours, theirs] = [wrap(left, width), wrap(right, width)]
  return Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => {
    const [a, b] = [ours[i] ?? '', theirs[i] ?? '']
    return `${ink(a.padEnd(width))} ${sign} ${b ? otherInk(b) : ''}`.trimEnd()
  })
}

const plain = (text: string) => text
