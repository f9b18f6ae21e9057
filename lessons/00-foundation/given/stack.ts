import { LoadError } from './errors.ts'
import { readdirSync } from './fs.ts'
import type { Mechanism } from './mechanism.ts'

/*
 * The one place of order. `inside` runs from top to bottom, and each line has its reason.
 */
const ORDER = [
  'user', //         first: the other namespaces belong to it, and its root may set them up
  'cgroups', //      before mount, whose /sys would show the wrong cgroup root
  'net', //          before mount: a sysfs shows the network namespace in which it was mounted
  'uts', //          needs nothing and is needed by nothing
  'pid', //          before mount: a procfs shows the pid namespace in which it was mounted
  'images', //       before mount: the union of layers that it mounts is the root that mount enters
  'mount', //        the old root goes here: whatever needs a file of the host comes before
  'ipc', //          after mount: /dev/mqueue is mounted over the new /dev
  'capabilities', // last: every step above needs them
]

/** No namespace, and nothing to do outside: the parent need not load it, which would take it 4 ms. */
export const INSIDE_ONLY = 'capabilities'

/** chroot takes mount's place where mount is left out: pivot_root(2) after a chroot is EINVAL. */
const INSTEAD: Record<string, string> = { mount: 'chroot' }

/** Where a mechanism's file is: with the learner, or with the reference. */
export type Tree = 'lessons' | 'solutions'

/** A mechanism that a container is to have: its name, and the file that exports it by that name. */
export interface Layer {
  name: string
  file: string
  /** Other flags than its own: a demo leaves one out to show what it is for. */
  flags?: number | undefined
}

export interface Choice {
  /** Only these. */
  only?: string[] | undefined
  /** All but these. */
  without?: string[] | undefined
  /** With `user`. Nobody but root can do without it, and root has it only where it is asked for, as Docker's does. */
  userns?: boolean | undefined
}

const project = new URL('../../../', import.meta.url)

/** The names that `only` and `without` take, in the order of the stack. Membership comes from the folders. */
export function mechanismNames(): string[] {
  const there = lessonNames()
  return ORDER.flatMap((name) => [INSTEAD[name], name]).filter(
    (name) => name !== undefined && there.has(name),
  ) as string[]
}

/** The names of the mechanisms of a container, in order. Without `mount` no `images`, which bring a mount namespace too. */
export function choose({ only, without = [], userns = process.getuid?.() !== 0 }: Choice): string[] {
  const there = lessonNames()
  const usual = (name: string) => (name !== 'user' || userns) && (name !== 'images' || !without.includes('mount'))
  const wanted = (name: string) => there.has(name) && (only?.includes(name) ?? usual(name)) && !without.includes(name)
  return ORDER.flatMap((name) => {
    if (wanted(name)) return [name]
    const other = INSTEAD[name]
    return other && wanted(other) ? [other] : []
  })
}

/** The file of a mechanism: lessons/04-uts/uts.ts, or its reference. */
export function layer(name: string, tree: Tree): Layer {
  const folder = lessonNames().get(name)
  if (!folder) throw new RangeError(`no lesson has a mechanism '${name}'`)
  return { name, file: new URL(`${tree}/${folder}/${name}.ts`, project).pathname }
}

/**
 * Loads a mechanism.
 *
 * @throws {LoadError} when its file cannot be loaded, a syntax error say, or does not export it
 */
export async function load({ name, file, flags }: Layer): Promise<Mechanism> {
  const module = await importFile(file)
  const mechanism = module[name] as Mechanism | undefined
  if (!mechanism) throw new LoadError(file, `it does not export '${name}'`)
  return flags === undefined ? mechanism : { ...mechanism, flags }
}

/** import(), with an error that names the file. */
export async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return await import(file)
  } catch (error) {
    throw new LoadError(file, error)
  }
}

/** Lessons by the name of their mechanism: uts is in 04-uts. */
function lessonNames(): Map<string, string> {
  const folders = readdirSync(new URL('lessons', project)).filter((folder) => /^\d\d-/.test(folder))
  return new Map(folders.map((folder) => [folder.slice(3), folder]))
}
