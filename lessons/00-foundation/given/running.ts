/*
 * Which containers run: a file for each, from when its first process exists until it has ended. There is no daemon that
 * would know. An engine that was killed leaves its file, and whatever its mechanisms made outside; the next command
 * sees that its process is gone, and cleans up for it.
 */
import { UsageError } from './errors.ts'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from './fs.ts'
import type { Container } from './mechanism.ts'
import { type Layer, load } from './stack.ts'

/** Where the files are: root's for all to see, and each user's own. */
export const RUNNING = folderOf(process.getuid?.() ?? 0)

function folderOf(uid: number): string {
  if (uid === 0) return '/run/container-workshop'
  const session = process.env.XDG_RUNTIME_DIR // after su(1) it can be somebody else's
  return session && isOwned(session, uid) ? `${session}/container-workshop` : `/tmp/container-workshop-${uid}`
}

function isOwned(path: string, uid: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.uid === uid
}

/** What is written down of a container. */
export interface Entry {
  container: Container
  layers: Layer[]
  /** The process that waits for it, and when that started: a number alone is another's one day. */
  engine: { pid: number; since: string }
  /** When its first process started, as `engine.since`. */
  since: string
  /** Milliseconds since 1970. */
  started: number
}

/**
 * Writes down a container. The file is there whole, or not at all.
 *
 * @param waits the process that waits for it, where that is not this one
 * @throws {UsageError} where one of this name runs already
 */
export function enter(container: Container, layers: Layer[], waits = engine()): void {
  const entry: Entry = { container, layers, engine: waits, since: since(container.pid) ?? '', started: Date.now() }
  const unfinished = `${RUNNING}/.${container.id}`
  try {
    mkdirSync(RUNNING, { recursive: true, mode: 0o755 })
    if (!isOwned(RUNNING, process.getuid?.() ?? 0)) throw new Error('it is not yours')
    writeFileSync(unfinished, JSON.stringify(entry))
    linkSync(unfinished, fileOf(container))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new UsageError(`a container '${container.spec.name}' runs already: another --name`, 125)
    throw new UsageError(`${RUNNING} cannot hold what belongs to the container: ${(error as Error).message}`, 125)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** Removes a container's file. */
export function leave(container: Container): void {
  if (read(fileOf(container))?.container.id !== container.id) return // another one has the name
  rmSync(fileOf(container), { force: true })
  try {
    rmdirSync(RUNNING)
  } catch {
    // others run
  }
}

/** The containers that run, oldest first. */
export function running(): Entry[] {
  return entries().filter(isAlive)
}

/** What is written down of a container, by its id, whether or not its engine lives. */
export function entryOf(id: string): Entry | undefined {
  return entries().find(({ container }) => container.id === id)
}

/** Cleans up after containers whose engine was killed. */
export async function sweep(): Promise<void> {
  for (const entry of abandoned()) await cleanUp(entry)
}

/** The containers whose engine was killed, and what it made for them may be there still. */
export function abandoned(): Entry[] {
  return entries().filter((entry) => !isAlive(entry))
}

/** Does for one of them what its engine came not to do. */
export async function cleanUp({ container, layers }: Entry): Promise<void> {
  const mechanisms = await Promise.all(layers.map(load))
  for (const mechanism of mechanisms.toReversed()) mechanism.cleanup?.(container)
  leave(container)
}

const fileOf = ({ spec }: Container) => `${RUNNING}/${spec.name}.json`

function entries(): Entry[] {
  // In /tmp anybody can make it, and what it holds names files that we load.
  if (!isOwned(RUNNING, process.getuid?.() ?? 0)) return []
  const files = readdirSync(RUNNING).filter((name) => name.endsWith('.json'))
  return files.flatMap((name) => read(`${RUNNING}/${name}`) ?? []).sort((a, b) => a.started - b.started)
}

function read(file: string): Entry | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // it has just ended
  }
}

/** This process, or another, as one that waits for containers. */
export function engine(pid = process.pid): Entry['engine'] {
  return { pid, since: since(pid) ?? '' }
}

/** Does this container's first process run, and is it no other that got its number? */
export const isOf = (entry: Entry): boolean => since(entry.container.pid) === entry.since

const isAlive = ({ engine }: Entry) => since(engine.pid) === engine.since

/**
 * When a process started, in clock ticks since boot: field 22 of /proc/<pid>/stat. The name before may hold spaces. None
 * for a zombie, which waits for nobody any more.
 */
export function since(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
