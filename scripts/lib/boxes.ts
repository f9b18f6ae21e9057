import { UsageError } from '#given/errors.ts'
import type { Spec } from '#given/mechanism.ts'
import { type Entry, running } from '#given/running.ts'
import { type Kept, kept, tidy } from '../../lessons/11-box/given/kept.ts'
import { isPaused, type State, stateOf } from '../../lessons/11-box/given/state.ts'
import { suggest } from './suggest.ts'

/** A container that there is: one that is kept, or one that runs in somebody's foreground. */
export interface Box {
  id: string
  name: string
  spec: Spec
  /** Milliseconds since 1970. */
  created: number
  state: State
  /** None in the foreground: it is gone with its end. */
  kept?: Kept
}

/** All containers, oldest first, after the killed have been cleaned up after. */
export async function allBoxes(): Promise<Box[]> {
  await tidy()
  const known = kept().map((container): Box => {
    const { spec } = container.order
    return {
      id: spec.id,
      name: spec.name,
      spec,
      created: container.created,
      state: stateOf(container),
      kept: container,
    }
  })
  const others = running().filter(({ container: { id } }) => !known.some((box) => box.id === id))
  return [...known, ...others.map(ofForeground)].sort((a, b) => a.created - b.created)
}

function ofForeground(entry: Entry): Box {
  const { id, spec } = entry.container
  const status = isPaused(entry) ? 'paused' : 'running'
  return { id, name: spec.name, spec, created: entry.started, state: { status, entry, since: entry.started } }
}

/**
 * The containers of these names, ids, or beginnings of an id, each once.
 *
 * @throws {UsageError} for one that is not there, and a beginning that several have
 */
export async function boxesNamed(wishes: string[]): Promise<Box[]> {
  if (wishes.length === 0) throw new UsageError('which one? npm run box -- ps --all shows their names')
  const all = await allBoxes()
  return [...new Set(wishes.map((wish) => find(all, wish)))]
}

/** One, for what takes no more. */
export async function boxNamed(wish: string | undefined): Promise<Box> {
  return (await boxesNamed(wish === undefined ? [] : [wish]))[0] as Box
}

function find(all: Box[], wish: string): Box {
  const exact = all.find(({ name, id }) => name === wish || id === wish)
  if (exact) return exact
  const found = wish === '' ? [] : all.filter(({ id }) => id.startsWith(wish))
  const shown = wish.slice(0, 64)
  if (found.length > 1)
    throw new UsageError(
      `'${shown}' is the beginning of ${found.length} ids: ${found.map(({ id }) => id).join(', ')}`,
      125,
    )
  if (found[0]) return found[0]
  const names = all.map(({ name }) => name)
  throw new UsageError(
    `there is no container '${shown}'. ${names.length > 0 ? suggest(shown, names) : 'There are none'}`,
    125,
  )
}

/**
 * Its first process, where it runs.
 *
 * @throws {UsageError} where it does not
 */
export function entryOf({ name, state }: Box): Entry {
  if (state.entry) return state.entry
  const way = state.status === 'starting' || state.status === 'stopping' ? '' : `: npm run box -- start ${name}`
  throw new UsageError(`the container '${name}' does not run, it is ${state.status}${way}`, 125)
}

/**
 * Does something with each. One that fails keeps no other from its turn.
 *
 * @returns the exit code of the command: 125 where one has failed
 */
export async function forEach(boxes: Box[], work: (box: Box) => Promise<void> | void): Promise<number> {
  const { explain } = await import('#given/explain.ts')
  let code = 0
  for (const box of boxes) {
    try {
      await work(box)
    } catch (error) {
      console.error(`box: ${explain(error)}`)
      code = 125
    }
  }
  return code
}
