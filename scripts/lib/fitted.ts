import { table } from '#given/show.ts'

const WIDTH = 80
const GAPS = [3, 2] // between columns: as table() has it, and where that is too much

/** A column that may be cut, and the least width that says something. */
export type Cuttable = Record<string, number>

/** Prints a table that fits: what does not is cut, first of the widest columns. In a wide terminal there is more room. */
export function fittedTable(headings: string[], rows: string[][], cuttable: Cuttable): void {
  const all = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const least = all.map((width, i) => Math.min(width, cuttable[headings[i] ?? ''] ?? width))
  const room = (gap: number) => Math.max(WIDTH, process.stdout.columns ?? 0) - gap * (headings.length - 1)
  const gap = GAPS.find((gap) => sum(least) <= room(gap)) ?? GAPS.at(-1) ?? 0
  const widths = narrow(all, least, room(gap))
  const cut = (text: string, width: number) => (text.length > width ? `${text.slice(0, width - 1)}…` : text)
  const fitted = rows.map((row) => row.map((text, i) => cut(text, widths[i] ?? 0)))
  table(headings, fitted, gap)
}

/** Narrows the widest columns, one after the other and none below its least, until they have room or nothing is left to cut. */
function narrow(all: number[], least: number[], room: number): number[] {
  const widths = [...all]
  for (let over = sum(widths) - room; over > 0; over--) {
    const spare = widths.flatMap((width, i) => (width > (least[i] ?? 0) ? [i] : []))
    if (spare.length === 0) break
    const widest = spare.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

const sum = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0)

/** A text of somebody else's, on one line, with nothing that a terminal would obey. */
export const onOneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
