import type { Call } from '#given/clone.ts'
import { writeFileSync } from '#given/fs.ts'
import { CLONE_NEWUSER } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'
import { carry, endCarrier } from '#given/user/carrier.ts'
import type { Ids, Range } from '#given/user/ids.ts'
import { askForMaps } from '#given/user/newuidmap.ts'

/** Users of its own, and a root that is root nowhere else: user_namespaces(7). */
export const user: Mechanism = {
  name: 'user',
  flags: 0, // 07.1
  outside(container) {
    const { pid, spec } = container
    if (spec.ids.by === 'newuidmap') askForMaps(pid, spec.ids)
    else writeMaps(pid, spec.ids)
    carry(container) // a network, where there is no root to lay a cable
  },
  early: becomeRoot,
  cleanup: endCarrier,
}

/** A line of /proc/<pid>/uid_map: the first id inside, the first outside, and how many follow. */
export function mapLine(range: Range): string {
  const { inside, outside, count } = range
  return notWritten('07.2 user_namespaces(7)', mapLine, range)
}

/** Tells the kernel who is who in the user namespace of a child. Each of the files can be written once. */
export function writeMaps(pid: number, ids: Ids): void {
  const { uids, gids, setgroups } = ids
  notWritten('07.3 user_namespaces(7)', writeMaps, pid, ids)
}

/** What the child calls before execve(2), which takes all capabilities from one who is not root in his namespace. */
export function becomeRoot(): Call[] {
  return notWritten('07.4 setresuid(2)', becomeRoot)
}
