import type { HandedIn, ReadFile } from './read.ts'

/** Who handed in, and the report that counts. */
export interface Learner extends ReadFile {
  /** The name, and the file behind it where others have the same name. */
  label: string
  /** Files with older reports of the same learner. */
  older: string[]
  /** Others have the same name. */
  namesake: boolean
}

/**
 * Whose reports these are. Two of one name are of one learner where both began a lesson in the same millisecond: a later
 * report says of each lesson when it was first begun, as the earlier one did. The newer one counts. All others of one name
 * are taken for different people.
 */
export function learnersOf(read: ReadFile[]): Learner[] {
  const people: ReadFile[][] = []
  for (const one of [...read].sort(newestFirst)) {
    const same = people.find((theirs) => theirs.some((other) => isSameLearner(one.report, other.report)))
    if (same) same.push(one)
    else people.push([one])
  }
  const named = Map.groupBy(people, ([newest]) => nameOf(newest))
  const learners = people.flatMap(([newest, ...others]) => {
    if (!newest) return []
    const namesake = (named.get(nameOf(newest))?.length ?? 0) > 1
    const label = namesake ? `${newest.report.name} (${newest.file})` : newest.report.name
    return [{ ...newest, label, older: others.map(({ file }) => file), namesake }]
  })
  return learners.sort((a, b) => order.compare(a.label, b.label))
}

const order = new Intl.Collator('en', { numeric: true })

function newestFirst(a: ReadFile, b: ReadFile): number {
  return Date.parse(b.report.date) - Date.parse(a.report.date) || order.compare(b.file, a.file)
}

const nameOf = (one: ReadFile | undefined) => one?.report.name.toLowerCase() ?? ''

function isSameLearner(a: HandedIn, b: HandedIn): boolean {
  if (a.name.toLowerCase() !== b.name.toLowerCase()) return false
  if (a.date === b.date) return true // one report, copied
  return a.lessons.some(({ lesson, begun }) => {
    return begun !== undefined && b.lessons.some((other) => other.lesson === lesson && other.begun === begun)
  })
}
