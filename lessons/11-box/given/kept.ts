/*
 * Containers that are kept: they run without whoever started them, and stay after their end until somebody removes
 * them. There is no daemon that would know of them, and nothing written down that could be out of date. Each has a
 * folder, and its state is what the kernel says: state.ts.
 *
 *     containers/ID/container.json    what it is; written once
 *                   streams/log       what it has printed
 *                   streams/stdin     a FIFO, where somebody may type to it
 *                   exit              how it ended; whoever waits for it has a lock on this file
 *                   upper/            what it has changed: lesson 10
 */
import { UsageError } from '#given/errors.ts'
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from '#given/fs.ts'
import type { Order } from '#given/run.ts'
import { abandoned, running, sweep } from '#given/running.ts'
import { containersFolder, removeTree } from '#given/union.ts'
import { locked } from '../../10-images/given/lock.ts'
import { lockExit, tryLockExit } from './exit-lock.ts'
import { hasEnded } from './state.ts'
import { makeStreams } from './streams.ts'

/** A container that is kept. Plain data: container.json. */
export interface Kept {
  order: Order
  /** Milliseconds since 1970. */
  created: number
  /** The image as it was called; none where its root is a folder. */
  image?: string
  /** Its standard input stays open, for whoever attaches to it: `-i`. */
  interactive: boolean
  /** It goes with its end: `--rm`. */
  remove: boolean
  /** What asks it to end; SIGTERM unless its image says another. */
  stopSignal?: string
}

/** The folder of a container. */
export const folderOf = (id: string): string => `${containersFolder()}/${id}`

/** All that are kept, oldest first. */
export function kept(): Kept[] {
  const folder = containersFolder()
  if (!existsSync(folder)) return []
  const all = readdirSync(folder).flatMap((id) => readKept(`${folder}/${id}`) ?? [])
  return all.sort((a, b) => a.created - b.created)
}

/** The container in a folder; undefined where there is none, or none yet. */
export function readKept(folder: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(`${folder}/container.json`, 'utf8'))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) return undefined
    throw error
  }
}

/**
 * Keeps a new container, not yet started.
 *
 * @param hold holds what it needs, such as its image; nobody creates or tidies meanwhile
 * @throws {UsageError} where its name is taken
 */
export async function create(container: Kept, hold: () => Promise<void> = async () => {}): Promise<void> {
  const { id, name } = container.order.spec
  await whileNobodyCreates(async () => {
    refuseTaken(name)
    await hold()
    const folder = folderOf(id)
    mkdirSync(folder)
    makeStreams(folder)
    writeFileSync(`${folder}/.container.json`, JSON.stringify(container), { mode: 0o600 })
    process.getBuiltinModule('node:fs').renameSync(`${folder}/.container.json`, `${folder}/container.json`)
  })
}

/** @throws {UsageError} where a container that runs, or is kept, has this name */
export function refuseTaken(name: string): void {
  if (running().some(({ container }) => container.spec.name === name))
    throw new UsageError(`a container '${name}' runs already: another --name`, 125)
  if (kept().some(({ order }) => order.spec.name === name))
    throw new UsageError(`there is a container '${name}': npm run box -- rm ${name}, or another --name`, 125)
}

/**
 * Removes a container that does not run, with all that it has changed. Nobody can start it meanwhile.
 *
 * @throws {UsageError} where it runs
 */
export async function removeEnded(container: Kept): Promise<void> {
  const lock = lockExit(container)
  try {
    await remove(container)
  } finally {
    closeSync(lock)
  }
}

/**
 * Removes a container of which one has the lock already. Its name goes first: what a killed one leaves is no container,
 * and its image is free (holds.ts).
 */
export async function remove({ image, order: { spec } }: Kept): Promise<void> {
  const folder = folderOf(spec.id)
  rmSync(`${folder}/container.json`, { force: true })
  removeTree(folder, spec)
  if (image !== undefined) (await import('../../10-images/given/store.ts')).openStore().release(spec.id)
}

/** Does what the killed did not come to: cleans up outside, and removes what was to go with its end. */
export async function tidy(): Promise<void> {
  if (abandoned().length > 0) await sweep()
  for (const container of kept()) {
    const lock = container.remove && hasEnded(container) ? tryLockExit(container) : undefined
    if (lock === undefined) continue // somebody waits for it, or tidies as well
    try {
      await remove(container)
    } finally {
      closeSync(lock)
    }
  }
}

/** Does `work` while nobody creates a container. */
export function whileNobodyCreates<T>(work: () => T | Promise<T>): Promise<T> {
  mkdirSync(containersFolder(), { recursive: true })
  return locked(lockFile(), 'alone', work)
}

const lockFile = () => `${containersFolder()}/.lock`
