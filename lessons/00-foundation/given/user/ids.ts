/*
 * Which ids a container is given. Plain data: the learner turns it into maps.
 */
import { existsSync, readFileSync } from '../fs.ts'

/** Which ids of a container are which ids of the host: user_namespaces(7). */
export interface Ids {
  uids: Range[]
  gids: Range[]
  /** May it call setgroups(2)? Not where an ordinary user maps his own group: he could leave one that keeps him out. */
  setgroups: 'allow' | 'deny'
  /** Who writes the maps: the caller, or newuidmap(1) and newgidmap(1), which root has trusted with it. */
  by: 'caller' | 'newuidmap'
}

/** `count` ids, from `inside` on in the container and from `outside` on at the host. */
export interface Range {
  inside: number
  outside: number
  count: number
}

/** Enough for every id that a distribution gives out, and for `nobody`, 65534. */
const COUNT = 65536
/** What root takes where /etc/subuid grants it nothing: ids that useradd(8) gives to nobody, SUB_UID_MAX in login.defs(5). */
const UNUSED = 2_000_000_000

/** What this machine allows the caller: as many ids as it can get, and at least his own as root's. */
export function ids(): Ids {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()]
  if (uid === 0) return subordinate('root', 0) ?? range(UNUSED, UNUSED)
  const more = existsSync('/usr/bin/newuidmap') ? subordinate(nameOf(uid), uid) : undefined
  if (!more) return single(uid, gid)
  const own = single(uid, gid)
  const behind = ({ outside, count }: Range): Range => ({ inside: 1, outside, count })
  return {
    uids: [...own.uids, ...more.uids.map(behind)],
    gids: [...own.gids, ...more.gids.map(behind)],
    setgroups: 'allow',
    by: 'newuidmap',
  }
}

/** Root inside is this user outside, and there is nobody else. */
export function single(uid: number, gid: number): Ids {
  return {
    uids: [{ inside: 0, outside: uid, count: 1 }],
    gids: [{ inside: 0, outside: gid, count: 1 }],
    setgroups: 'deny',
    by: 'caller',
  }
}

/** As many ids as a machine has ordinary ones, from 0 on inside. Only root may write such a map. */
export function range(uid: number, gid: number, count = COUNT): Ids {
  return {
    uids: [{ inside: 0, outside: uid, count }],
    gids: [{ inside: 0, outside: gid, count }],
    setgroups: 'allow',
    by: 'caller',
  }
}

/** The first range that /etc/subuid and /etc/subgid grant somebody: subuid(5). */
function subordinate(name: string, uid: number): Ids | undefined {
  const [uids, gids] = ['/etc/subuid', '/etc/subgid'].map((file) => grant(file, name, uid))
  return uids && gids && { uids: [uids], gids: [gids], setgroups: 'allow', by: 'caller' }
}

function grant(file: string, name: string, uid: number): Range | undefined {
  const granted = lines(file).find(([who, , count]) => (who === name || who === String(uid)) && Number(count) > 0)
  return granted && { inside: 0, outside: Number(granted[1]), count: Number(granted[2]) }
}

/** Read as text: getpwuid(3) would load libraries, and the start of a container is measured. */
function nameOf(uid: number): string {
  return lines('/etc/passwd').find(([, , id]) => id === String(uid))?.[0] ?? ''
}

function lines(file: string): string[][] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
}
