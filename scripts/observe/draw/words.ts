/*
 * What the drawings say in words, so that the page, its export and the pictures say it alike.
 */
import type { Chip, Mark, Numbered, Occupant, Room } from './scene.ts'

/** Beside the colour, a sign and a word. */
export const MARKS: Record<Mark, string> = { same: '', new: '+ new', gone: '− gone' }

export const SORTS: Record<Room['sort'], string> = {
  host: 'the host',
  lab: 'a lab, a throw-away host',
  container: 'a container',
  other: 'processes with namespaces of their own',
}

/** `1 in web`, `1000 on the host`: a process's number, and who counts so. */
export function whoCounts({ where }: Numbered): string {
  if (where === 'host') return 'on the host'
  return where ? `in ${where}` : 'further out'
}

/** All of a process in a sentence, for whoever hears the page. */
export function sayOccupant({ process, numbers, starts, mark }: Occupant): string {
  const said = numbers.map((one) => `${one.number} ${whoCounts(one)}`)
  const started = starts.length > 0 ? sayStarts(starts) : ''
  return [`${process.name}: process ${said.join(', ')}`, started, MARKS[mark].slice(2)].filter(Boolean).join(', ')
}

/** `started web`, or of many: `started web and 3 more`. */
export function sayStarts([first = '', ...more]: string[]): string {
  return `started ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`
}

/** All of a room in a sentence. */
export function sayRoom({ title, sort, namespaces, occupants, mark }: Room): string {
  const own = ownOf(namespaces).map(({ kind }) => kind)
  const living = occupants.filter((one) => one.mark !== 'gone').length
  const has = sort === 'host' ? '' : own.length > 0 ? `own namespaces: ${own.join(', ')}` : 'no namespace of its own'
  return [title, SORTS[sort] === title ? '' : SORTS[sort], count(living, 'process', 'es'), has, MARKS[mark].slice(2)]
    .filter(Boolean)
    .join(', ')
}

export const ownOf = (chips: Chip[]) => chips.filter(({ own }) => own)

export function count(n: number, what: string, plural = 's'): string {
  return `${n} ${what}${n === 1 ? '' : plural}`
}

/** `64 MiB`, from KiB. */
export function size(kibibytes: number): string {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(Math.max(1, kibibytes)) / 10)))
  const n = kibibytes / 1024 ** power
  return `${n < 10 && power > 0 ? n.toFixed(1) : Math.round(n)} ${['KiB', 'MiB', 'GiB', 'TiB'][power]}`
}
