import type { Call } from '#given/clone.ts'
import { writeFileSync } from '#given/fs.ts'
import { CLONE_NEWUSER } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'
import { carry, endCarrier } from '#given/user/carrier.ts'
import type { Ids, Range } from '#given/user/ids.ts'
import { askForMaps } from '#given/user/newuidmap.ts'

/** Users of its own, and a root that is root nowhere else: user_namespaces(7). */
export const user: Mechanism = {
  name: 'user',
  flags: CLONE_NEWUSER,
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
  return `${inside} ${outside} ${count}`
}

/** Tells the kernel who is who in the user namespace of a child. Each of the files can be written once. */
export function writeMaps(pid: number, ids: Ids): void {
  const { uids, gids, setgroups } = ids
  const write = (file: string, text: string) => writeFileSync(`/proc/${pid}/${file}`, text)
  write('setgroups', setgroups) // before gid_map, which an ordinary user may not write until he has said deny
  write('gid_map', gids.map(mapLine).join('\n'))
  write('uid_map', uids.map(mapLine).join('\n'))
}

/** What the child calls before execve(2), which takes all capabilities from one who is not root in his namespace. */
export function becomeRoot(): Call[] {
  return [
    ['setgroups', 0, 0], // an empty list; where setgroups is denied, EPERM, and nobody minds
    ['setresgid', 0, 0, 0],
    ['setresuid', 0, 0, 0],
  ]
}
