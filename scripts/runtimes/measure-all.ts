import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LAB_ROOTFS } from '#given/lab.ts'
import { seconds } from '#given/patience.ts'
import { processes } from '#given/proc.ts'
import { type Ancestor, find, type Measured, measure, treeOf } from './measure.ts'
import { hasEnded, locate, type Place, Refused, type Runtime, until } from './runtime.ts'

/** What became of a runtime: figures, or why there are none. */
export type Answer = { name: string; version?: string } & (
  | { measured: Measured; daemons: Ancestor[] }
  | { missing: string }
  | { refused: string }
)

export const FOLDER = '/run/workshop-runtimes'

/** A place for a runtime, in this lab. */
export function placeFor({ name }: Pick<Runtime, 'name'>, env: NodeJS.ProcessEnv = process.env): Place {
  const folder = join(FOLDER, name)
  mkdirSync(folder, { recursive: true })
  return { folder, rootfs: LAB_ROOTFS, env: { ...env, ROOTFS: LAB_ROOTFS }, children: [] }
}

/** What a runtime lacks, and how to get it; nothing where all is there. */
export function lacks({ programs, packages }: Runtime): string | undefined {
  return programs.every(locate) ? undefined : `not installed: apt-get install ${packages.join(' ')}`
}

/** One after the other, each by itself: memory that two share would count half for each. */
export async function measureAll(runtimes: Runtime[]): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const [i, runtime] of runtimes.entries()) {
    const missing = lacks(runtime)
    // Each has a number of its own, by which its process is found.
    answers.push(missing ? { name: runtime.name, missing } : await answerOf(runtime, ['sleep', String(100_000 + i)]))
  }
  return answers
}

async function answerOf(runtime: Runtime, argv: string[]): Promise<Answer> {
  const { name } = runtime
  const version = runtime.version()
  const place = placeFor(runtime)
  let pid: number | undefined
  try {
    await runtime.prepare?.(place)
    const daemons = place.children.flatMap((child) => child.pid ?? [])
    await runtime.start(place, argv)
    pid = await until(place, `no process '${argv.join(' ')}'`, () => find(argv))
    const first = pid
    const measured = await until(place, `process ${first} does not come to rest`, () => atRest(first))
    return { name, version, measured, daemons: daemons.flatMap(treeOf) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { name, version, refused: error.message }
  } finally {
    await end(place, pid)
  }
}

/**
 * The figures, once all have left that only help to start it: its parent is pid 1 by then, or who stays beside it, and
 * that one's parent is pid 1 or us, who typed it.
 */
function atRest(pid: number): Measured | undefined {
  try {
    const measured = measure(pid)
    const [parent, next] = measured.parents
    return parent?.pid === 1 || next?.pid === 1 || next?.pid === process.pid ? measured : undefined
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as { code?: string }).code ?? '')) return undefined // one left meanwhile
    throw error
  }
}

/** Ends the container, then the daemon. The lab would, too; but the next one is to be by itself. */
async function end({ children }: Place, pid: number | undefined): Promise<void> {
  if (pid !== undefined && processes().includes(pid)) process.kill(pid, 'SIGKILL')
  for (const child of children.filter((one) => !hasEnded(one))) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    const late = sleep(seconds(10), 'late', { ref: false })
    if ((await Promise.race([exit, late])) === 'late') child.kill('SIGKILL')
    await exit
  }
}
