import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Group } from '#given/cgroups/hierarchies.ts'
import { removeTree } from '#given/cgroups/subtree.ts'
import type { Mechanism } from '#given/mechanism.ts'
import { mounts } from '#given/proc.ts'

/*
 * Where cgroup v1 is in use, systemd keeps its own account of processes in a tree without controllers, name=systemd. A
 * lab does without it, but systemd-nspawn looks for it: so this lab has a part of that tree, too. On v2 there is none, and
 * nothing to do.
 */

const NAME = 'name=systemd'

export const systemdTree: Mechanism = {
  name: 'systemdTree',
  flags: 0,
  outside({ id, pid }) {
    const group = groupOf(id)
    if (!group) return
    mkdirSync(group.path)
    writeFileSync(`${group.path}/cgroup.procs`, String(pid))
  },

  cleanup({ id }) {
    const group = groupOf(id)
    if (group && existsSync(group.path)) removeTree(group)
  },
}

/** Below our own. By its name the lab knows the tree for one of its own and mounts it, and `npm run undo` knows it, too. */
function groupOf(id: string): Group | undefined {
  const tree = mounts().find(({ type, superOptions }) => type === 'cgroup' && superOptions.includes(NAME))
  const own = ownPath()
  if (!tree || own === undefined) return undefined
  const path = `${tree.target}${own === '/' ? '' : own}/workshop-lab-runtimes-${id}`
  return { version: 1, controllers: [], path }
}

function ownPath(): string | undefined {
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1] === NAME)
  return line?.split(':').slice(2).join(':')
}
