/*
 * Who a command runs as: `--user`, `--group-add`. The names are the image's own, so its /etc/passwd is read, as text and
 * after the root has changed: libc would load code for it from the image.
 */
import { UsageError } from '../errors.ts'
import { closeSync, fstatSync, openSync, readSync } from '../fs.ts'
import type { Spec } from '../mechanism.ts'

export interface User {
  uid: number
  gid: number
  /** Supplementary groups. */
  groups: number[]
}

/**
 * Finds the user that was asked for, and gives the command his HOME; undefined where nobody was.
 *
 * @throws {UsageError} for a name that the image does not know, and a user whom a user namespace does not map
 * @see passwd(5), group(5)
 */
export function userOf({ privileges, env, mechanisms, ids }: Spec): User | undefined {
  if (privileges.user === undefined && privileges.groups.length === 0) return undefined
  const [who = '0', group] = (privileges.user ?? '0').split(':')
  const users = table('/etc/passwd') // name:x:uid:gid:comment:home:shell
  const groups = table('/etc/group') // name:x:gid:member,member
  const entry = users.find((fields) => fields[0] === who || fields[2] === who)
  const id = (name: string, among: string[][], file: string) => {
    const found = /^\d+$/.test(name) ? name : among.find((fields) => fields[0] === name)?.[2]
    if (found === undefined) throw new UsageError(`the image's ${file} knows no '${name}'; a number always works`, 125)
    return Number(found)
  }
  const uid = id(who, users, '/etc/passwd')
  if (mechanisms.includes('user') && !ids.uids.some(({ inside, count }) => uid >= inside && uid < inside + count)) {
    throw new UsageError(
      `--user ${who}: the container's user namespace has no user ${uid}; /etc/subuid gives more`,
      125,
    )
  }
  const gid = group ? id(group, groups, '/etc/group') : Number(entry?.[3] ?? 0)
  const memberships = groups.filter((fields) => entry && fields[3]?.split(',').includes(entry[0] ?? ''))
  const more = privileges.groups.map((name) => id(name, groups, '/etc/group'))
  if (env.HOME === '/root') env.HOME = entry?.[5] || '/'
  return { uid, gid, groups: [...new Set([...memberships.map((fields) => Number(fields[2])), ...more])] }
}

const O_NONBLOCK = 0o4000 // the image may have a FIFO there, for which one would wait
const LONGEST = 1024 * 1024

/** The lines of such a file, each in its fields. */
function table(path: string): string[][] {
  let fd: number
  try {
    fd = openSync(path, O_NONBLOCK)
  } catch {
    return []
  }
  try {
    const { size } = fstatSync(fd)
    if (!fstatSync(fd).isFile() || size > LONGEST) return []
    const text = Buffer.alloc(size)
    return text
      .toString('utf8', 0, readSync(fd, text))
      .split('\n')
      .map((line) => line.split(':'))
  } finally {
    closeSync(fd)
  }
}
