import { UsageError } from '#given/errors.ts'
import { short } from '../../lessons/10-images/given/digest.ts'
import type { Image, Store } from '../../lessons/10-images/given/interface.ts'
import type { Box } from './boxes.ts'
import type { Options } from './command.ts'
import { suggest } from './suggest.ts'

/** Whose images: root's, if the caller can become root. */
export const storeOptions: Options = {
  userns: { type: 'boolean', description: 'your own images, as of run --userns, and not those of root' },
}

/**
 * The image that is meant.
 *
 * @throws {UsageError} where there is none, with those there are; where a short id means several
 */
export function imageNamed(store: Store, wish: string): Image {
  try {
    return store.find(wish)
  } catch (error) {
    if ((error as { code?: string }).code !== 'NOT_FOUND') throw error
    const there = store.images().flatMap(({ references }) => references.map((name) => name.replace(/:latest$/, '')))
    const list = there.length > 0 ? suggest(wish.slice(0, 64), there) : 'There are none: npm run box -- import --help'
    throw new UsageError(`there is no image '${wish.slice(0, 64)}'. ${list}`, 125)
  }
}

/**
 * The image of a container.
 *
 * @throws {UsageError} where its root is a mere folder
 */
export function imageOf(store: Store, { id, spec }: Box): Image {
  const user = store.users().find((one) => one.id === id)
  if (user && spec.union) return store.find(user.image)
  throw new UsageError(
    `the root of '${spec.name}' is a folder, no image. To make an image of a folder: npm run box -- import FOLDER NAME`,
    125,
  )
}

/** Bytes as people read them: 12.3 MB. */
export function inBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3))
  const amount = bytes / 1000 ** power
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`
}

/** How long ago, in the largest unit that fits. */
export function ago(created: string | undefined, now = Date.now()): string {
  const time = Date.parse(created ?? '')
  return Number.isNaN(time) ? 'unknown' : `${length(now - time)} ago`
}

/** A time in milliseconds, in the largest unit that fits: 3 minutes. */
export function length(time: number): string {
  const seconds = Math.max(0, time / 1000)
  const units: [name: string, seconds: number][] = [
    ['year', 31_557_600],
    ['month', 2_629_800],
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ]
  const [name, unit] = units.find(([, unit]) => seconds >= unit) ?? ['second', 1]
  const count = Math.floor(seconds / unit)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** What was removed, a line each, and how much room that made. */
export function report({ untagged, images, layers, freed }: Awaited<ReturnType<Store['prune']>>): void {
  for (const reference of untagged) console.log(`untagged ${reference}`)
  for (const id of images) console.log(`removed image ${short(id)}`)
  for (const id of layers) console.log(`removed layer ${short(id)}`)
  if (images.length + layers.length > 0 || freed > 0) console.log(`freed ${inBytes(freed)}`)
}

/** A word that must be there. */
export function wanted(word: string | undefined, what: string): string {
  if (word) return word
  throw new UsageError(`${what} is missing. --help shows how it is used`)
}

/** No more words than these. */
export function noMore(words: string[], most: number): void {
  if (words.length > most) throw new UsageError(`'${words[most]}' is too much. --help shows how it is used`)
}
