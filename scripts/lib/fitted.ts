import { table } from '#given/show.ts'

const WIDTH = 80
const GAP = 3 // between columns, as table() has it

/** A column that may be cut, and the least width that says something. */
export type Cuttable = Record<string, number>

/** Prints a table that fits: what does not is cut, first of the widest columns. In a wide terminal there is more room. */
export function fittedTable(headings: string[], rows: string[][], cuttable: Cuttable): void {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const room = Math.max(WIDTH, process.stdout.columns ?? 0) - GAP * (headings.length - 1)
  const spare = (i: number) => (widths[i] ?? 0) - Math.max(cuttable[headings[i] ?? ''] ?? Number.POSITIVE_INFINITY, 1)
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over--) {
    const columns = headings.map((_, i) => i).filter((i) => spare(i) > 0)
    if (columns.length === 0) break
    const widest = columns.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  const cut = (text: string, width: number) => (text.length > width ? `${text.slice(0, width - 1)}…` : text)
  table(
    headings,
    rows.map((row) => row.map((text, i) => cut(text, widths[i] ?? 0))),
  )
}

/** A text of somebody else's, on one line, with nothing that a terminal would obey. */
export const onOneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
