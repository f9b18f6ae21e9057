/** A sentence for somebody who asked for what is not there: what is, and what he may have meant. */
export function suggest(wish: string, among: string[]): string {
  const near = nearest(wish, among)
  return `${near ? `Did you mean ${near}? ` : ''}There are: ${among.join(' ')}`
}

/** What somebody meant who mistyped a word: the nearest of those there are, if it is near enough. */
export function nearest(wish: string, among: string[]): string | undefined {
  const ranked = among.map((word) => ({ word, distance: distance(wish.toLowerCase(), word) }))
  const [best] = ranked.sort((a, b) => a.distance - b.distance)
  return best && best.distance <= Math.max(1, Math.floor(best.word.length / 3)) ? best.word : undefined
}

/** How many letters one must add, drop, change, or swap with their neighbour. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, change))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(at(i, j), at(i - 2, j - 2) + 1)
    }
  }
  return at(a.length, b.length)
}
