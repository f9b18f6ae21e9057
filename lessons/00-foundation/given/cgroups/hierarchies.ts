/*
 * Where the cgroups of this machine are: cgroups(7).
 *
 *     v2, "unified"    one tree for all controllers, a folder of type cgroup2
 *     v1, "legacy"     a tree for each controller, or for a few: folders of type cgroup
 *     hybrid           v1 for the controllers, and a v2 beside them that has none, or the rest
 *
 * A controller is in one tree at a time, and a container gets a group in each tree that has some.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from '../fs.ts'
import { type Mount, mounts } from '../proc.ts'

export type Version = 1 | 2

/** A folder in a tree of cgroups. */
export interface Group {
  version: Version
  /** What counts and limits here: memory, cpu, pids, … */
  controllers: string[]
  path: string
}

/** What a machine needs at least before its v2 tree is worth a group. */
const WANTED = ['cpu', 'cpuset', 'io', 'memory', 'pids']

interface Tree {
  top: Group
  /** The group below which a container's is made; undefined where we may not write. */
  parent: Group | undefined
}

let found: Tree[] | undefined

/** Every tree of this machine once, wherever else it may be mounted too. */
function trees(): Tree[] {
  found ??= mounts()
    .flatMap((mount) => {
      const top = topOf(mount)
      return top ? [{ top, parent: parentIn(mount, top) }] : []
    })
    .filter(({ top }, i, all) => all.findIndex((one) => String(one.top.controllers) === String(top.controllers)) === i)
  return found
}

/** The groups below which containers' groups are made, one in each tree. Those that we may not write to are left out. */
export function parents(): Group[] {
  return trees().flatMap(({ parent }) => parent ?? [])
}

/** Looks anew: after this process has moved to another group. */
export function forgetParents(): void {
  found = undefined
}

/** The groups of a container, one in each tree; whether or not they exist. */
export function groups(id: string): Group[] {
  return parents().map((parent) => ({ ...parent, path: `${parent.path}/workshop-${id}` }))
}

/** Those that exist. One that was made from another group than ours, or in a scope of systemd's, is found by its name. */
export function existing(id: string): Group[] {
  const name = `workshop-${id}`
  return trees().flatMap(({ top, parent }) => {
    const here = parent && `${parent.path}/${name}`
    const path = here && existsSync(here) ? here : search(top.path, name)
    return path ? [{ ...top, path, controllers: top.version === 2 ? controllersOf(path) : top.controllers }] : []
  })
}

/**
 * The group of a container that has a controller. v2 counts CPU time and freezes in every group, whatever its
 * controllers.
 *
 * @throws {Error} where there is none
 */
export function groupOf(id: string, controller: string): Group {
  const group = existing(id).find((one) => one.controllers.includes(controller))
  if (!group) throw new Error(`the container ${id} has no cgroup with a ${controller} controller`)
  return group
}

const V2_CORE = ['freezer', 'cpuacct']

function parentIn(mount: Mount, top: Group): Group | undefined {
  const own = ownGroup(mount, top)
  if (!own) return undefined
  if (top.version === 1) return isWritable(own) ? { ...top, path: own } : undefined
  // The group that we are in has a process, us, so none below it may have controllers: hence beside it.
  const path = own === top.path ? own : own.slice(0, own.lastIndexOf('/'))
  return isWritable(path) ? { version: 2, path, controllers: controllersOf(path) } : undefined
}

/** The tree that is mounted here. Some have no controllers, systemd's own on v1 and a hybrid's v2: not for us. */
function topOf({ type, target, superOptions }: Mount): Group | undefined {
  if (type === 'cgroup2') {
    const controllers = controllersOf(target)
    return WANTED.some((name) => controllers.includes(name)) ? { version: 2, path: target, controllers } : undefined
  }
  const controllers = type === 'cgroup' ? superOptions.filter((option) => V1_CONTROLLERS.has(option)) : []
  return controllers.length > 0 ? { version: 1, path: target, controllers } : undefined
}

const V1_CONTROLLERS = new Set(
  'blkio cpu cpuacct cpuset devices freezer hugetlb memory misc net_cls net_prio perf_event pids rdma'.split(' '),
)

/** The folder of the group that this process is in, by /proc/self/cgroup: lines of `id:controllers:/path`. */
function ownGroup({ root }: Mount, { version, controllers, path }: Group): string | undefined {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  const wanted = version === 2 ? '' : (controllers[0] ?? '')
  const line = lines.map((text) => text.split(':')).find(([, names]) => names?.split(',').includes(wanted))
  const own = line?.slice(2).join(':')
  const prefix = root === '/' ? '' : root
  if (own === undefined || own.startsWith('/..') || !`${own}/`.startsWith(`${prefix}/`)) return undefined // not in sight
  return (path + own.slice(prefix.length)).replace(/\/$/, '')
}

function controllersOf(path: string): string[] {
  const file = `${path}/cgroup.controllers`
  return [...(existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : []), ...V2_CORE]
}

/** Root may write everywhere but on a read-only mount, as a lab's view of the host's cgroups is. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    accessSync(`${path}/cgroup.procs`, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function search(folder: string, name: string): string | undefined {
  for (const child of childrenOf(folder)) {
    const path = `${folder}/${child}`
    const hit = child === name ? path : search(path, name)
    if (hit) return hit
  }
  return undefined
}

function childrenOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch {
    return [] // gone meanwhile
  }
}
