/** A plot for the terminal: a column for each value, `height` rows, with the value of the upper edge at the left. */
export function plot(values: number[], top: number, label: string, height = 4): string[] {
  return Array.from({ length: height }, (_, row) => {
    const bars = values.map((value) => bar((value / top) * height - (height - 1 - row))).join('')
    return `${(row === 0 ? label : '').padStart(9)} ▏${bars}`.trimEnd()
  })
}

const EIGHTHS = ' ▁▂▃▄▅▆▇█'

/** How full one character is, from 0 to 1. */
function bar(part: number): string {
  return EIGHTHS[Math.min(8, Math.max(0, Math.round(part * 8)))] ?? ' '
}
