/*
 * A lab's own part of each cgroup tree. It lies below the group of whoever opens the lab, so that his limits hold, and
 * in the lab it looks like the whole tree. What is made in there is gone with the lab.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from '../fs.ts'
import { CLONE_NEWCGROUP, kill, MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, mount, umount2, unshare } from '../libc.ts'
import type { Mechanism } from '../mechanism.ts'
import { mounts } from '../proc.ts'
import { hasPlace, killAll, prepare, thaw } from './configure.ts'
import { type Group, parents } from './hierarchies.ts'

const TOP = '/sys/fs/cgroup'

export const subtree: Mechanism = {
  name: 'subtree',
  flags: 0,
  outside(container) {
    if (!hasPlace(container)) return console.error('lab: it has no cgroups, since none of the trees may be written to')
    for (const lab of labs()) if (isDead(lab.opener)) removeTree(lab.group)
    for (const parent of parents()) {
      const group = { ...parent, path: `${parent.path}/workshop-lab-${process.pid}-${container.id}` }
      mkdirSync(group.path)
      prepare(parent, group)
      writeFileSync(`${group.path}/cgroup.procs`, String(container.pid))
    }
  },

  /** After the lab's own steps: these files are the kernel's, and need nothing of the host's. */
  inside() {
    const trees = treesOfLab()
    if (trees.length === 0) return
    unshare(CLONE_NEWCGROUP)
    umount2(TOP, MNT_DETACH)
    const plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
    if (trees.every(({ path }) => path !== TOP)) mount('cgroups', TOP, 'tmpfs', plain, 'mode=755')
    for (const { version, path, controllers } of trees) {
      mkdirSync(path, { recursive: true })
      if (version === 1) mount('cgroup', path, 'cgroup', plain, controllers.join())
      else mountUnified(path, plain)
    }
    process.on('exit', () => thaw(trees.flatMap((top) => below(top).slice(0, -1)))) // the frozen would hold up our end
  },

  cleanup({ id }) {
    for (const lab of labs()) if (lab.id === id) removeTree(lab.group)
  },
}

/** The trees in which this process has come into a lab's group. */
function treesOfLab(): Group[] {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  const ours = lines.filter((line) => line.includes('/workshop-lab-')).map((line) => line.split(':')[1] ?? '')
  return mounts().flatMap(({ type, target: path, superOptions }): Group[] => {
    if (type === 'cgroup2') return ours.includes('') ? [{ version: 2, path, controllers: ['freezer'] }] : []
    const names = ours.find((one) => one.split(',').every((name) => superOptions.includes(name)))
    return type === 'cgroup' && names ? [{ version: 1, path, controllers: names.split(',') }] : []
  })
}

/** All of the lab runs in a group `host`, as in systemd's scopes: beside it there may be groups with controllers. */
function mountUnified(path: string, flags: number): void {
  mount('cgroup2', path, 'cgroup2', flags, null)
  mkdirSync(`${path}/host`)
  writeFileSync(`${path}/host/cgroup.procs`, '0')
}

const NAME = /^workshop-lab-(\d+)-(\w+)$/

/** The labs' groups beside which a new one would be made. */
function labs(): { opener: number; id: string; group: Group }[] {
  return parents().flatMap((parent) =>
    readdirSync(parent.path).flatMap((name) => {
      const [, opener, id = ''] = name.match(NAME) ?? []
      return opener ? [{ opener: Number(opener), id, group: { ...parent, path: `${parent.path}/${name}` } }] : []
    }),
  )
}

function isDead(pid: number): boolean {
  try {
    kill(pid, 0)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ESRCH'
  }
}

/** A group with all groups in it, the deepest first, as rmdir(2) wants it. */
function below(group: Group): Group[] {
  const names = readdirSync(group.path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...names.flatMap(({ name }) => below({ ...group, path: `${group.path}/${name}` })), group]
}

/** Ends what runs in a group and in those below it, and removes them. */
export function removeTree(group: Group): void {
  const all = below(group)
  killAll(all)
  for (const { path } of all) rmdirSync(path)
}
