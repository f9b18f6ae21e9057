/*
 * The colours of all drawings, as custom properties: for light and for dark, by what the reader's system prefers, or by
 * `data-theme` on an element around. Okabe and Ito chose them so that the colour-blind can tell them apart; even so
 * nothing is said by a colour alone. Words are in ink only: on either ground each has a contrast of 5.6 to 1 or more.
 */
const LIGHT = {
  paper: '#ffffff',
  room: '#f4f6f8',
  ink: '#14181c',
  soft: '#454d55', // less important words
  line: '#767f88',
  accent: '#0072b2',
  new: '#00694d',
  gone: '#a34700',
}

const DARK: typeof LIGHT = {
  paper: '#0d1117',
  room: '#161b22',
  ink: '#f0f3f6',
  soft: '#b8c0c8',
  line: '#7d8792',
  accent: '#56b4e9',
  new: '#2fc698',
  gone: '#f09a4a',
}

/** A stripe for each kind of namespace, beside its word. They are seen on light and on dark. */
export const KIND_COLOURS = {
  cgroup: '#0072b2',
  ipc: '#b8a800',
  mnt: '#009e73',
  net: '#56b4e9',
  pid: '#e69f00',
  time: '#8a8a8a',
  user: '#d55e00',
  uts: '#cc79a7',
} as const

const properties = (colours: typeof LIGHT) =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';')

const kinds = Object.entries(KIND_COLOURS)
  .map(([kind, colour]) => `--kind-${kind}:${colour}`)
  .join(';')

/** The rules that give an element, and all in it, the colours. */
export function colours(selector: string): string {
  const dark = properties(DARK)
  return `${selector}{${properties(LIGHT)};${kinds};color-scheme:light}
@media (prefers-color-scheme:dark){${selector}{${dark};color-scheme:dark}}
${selector}[data-theme=light]{${properties(LIGHT)};color-scheme:light}
${selector}[data-theme=dark]{${dark};color-scheme:dark}`
}
