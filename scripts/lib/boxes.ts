import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '#given/errors.ts'
import type { Spec } from '#given/mechanism.ts'
import { seconds } from '#given/patience.ts'
import { type Entry, running } from '#given/running.ts'
import { type Kept, kept, tidy } from '../../lessons/11-box/given/kept.ts'
import { isPaused, isUp, type State, stateOf } from '../../lessons/11-box/given/state.ts'
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
  try {
    await tidy()
  } catch (error) {
    const { explain } = await import('#given/explain.ts')
    console.error(`box: what a killed container has left is there still: ${explain(error)}`)
  }
  const known = kept().flatMap(ofKept)
  const others = running().filter(({ container: { id } }) => !known.some((box) => box.id === id))
  return [...known, ...others.map(ofForeground)].sort((a, b) => a.created - b.created)
}

/** A container that is kept; nothing where it has just been removed. */
export function ofKept(container: Kept): Box | [] {
  const { spec } = container.order
  const { created } = container
  try {
    return { id: spec.id, name: spec.name, spec, created, state: stateOf(container), kept: container }
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return []
    throw error
  }
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

/** The mechanisms that it was, or is to be, started with. */
export function layersOf({ kept, state }: Box): Entry['layers'] {
  return kept?.order.layers ?? state.entry?.layers ?? []
}

/** A container as it is when it is not about to begin any more. */
export async function settled(box: Box): Promise<Box> {
  for (const deadline = Date.now() + seconds(10); box.kept && box.state.status === 'starting'; await sleep(20)) {
    if (Date.now() > deadline) throw new UsageError(`the container '${box.name}' does not come to its command`, 125)
    box = { ...box, state: stateOf(box.kept) }
  }
  return box
}

/** Waits until all that was made for a container outside is removed. */
export async function untilGone({ kept }: Box): Promise<void> {
  while (kept && isUp(kept)) await sleep(20)
}

/**
 * Does something with each, at the same time where that takes its time, and prints their names, in order. One that fails
 * keeps no other from its turn.
 *
 * @returns the exit code of the command: that of the last failure
 */
export async function forEach(boxes: Box[], work: (box: Box) => Promise<void> | void): Promise<number> {
  const { exitCodeOf, explain } = await import('#given/explain.ts')
  const works = boxes.map(async (box) => {
    await work(box)
    return box.name
  })
  let code = 0
  for (const result of await Promise.allSettled(works)) {
    if (result.status === 'fulfilled') console.log(result.value)
    else {
      console.error(`box: ${explain(result.reason)}`)
      code = exitCodeOf(result.reason)
    }
  }
  return code
}
