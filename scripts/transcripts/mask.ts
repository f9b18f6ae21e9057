/**
 * What is the same on every machine and in every run. A word, from its first digit on, is a number, and all numbers are
 * equal; so are all runs of spaces, and all plots, which begin with `▏`. Twelve hexadecimal digits or more are an id, and
 * a number even where they begin with a letter. `3 seconds` and `1 minute` are both a time.
 *
 * So pids, inodes, sizes, times and kernel releases may differ. What this cannot see: a number that is wrong, such as
 * pid 1 that is no longer 1, and a column out of line. The checks of the lessons look at numbers.
 */
export function mask(line: string): string {
  return line
    .replace(/▏.*/, '▏')
    .replace(/\b[0-9a-f]{12,}/g, '0')
    .replace(/\d\w*(?:[.+-]\w+)*/g, '#')
    .replace(/# (?:second|minute|hour|day)s?\b/g, '# seconds')
    .replace(/\s+/g, ' ')
    .trimEnd()
}

/** Is this what the README shows? A line `…` in it stands for any lines. */
export function matches(shown: string[], printed: string[]): boolean {
  const pattern = shown.map((line) => (line.trim() === '…' ? '(?:.*\n)*' : `${RegExp.escape(mask(line))}\n`))
  return new RegExp(`^${pattern.join('')}$`).test(printed.map((line) => `${mask(line)}\n`).join(''))
}
