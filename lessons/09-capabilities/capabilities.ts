import { coverKernelFiles } from '#given/capabilities/covers.ts'
import { filterCalls } from '#given/capabilities/filter.ts'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { known, LINUX_CAPABILITY_VERSION_3, raiseAmbient, setsFor } from '#given/capabilities/sets.ts'
import { type User, userOf } from '#given/capabilities/users.ts'
import { bind, PR_CAPBSET_DROP, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS, prctl } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'

const capsetC = bind('int capset(void *hdrp, const void *datap)')
const setgroups = bind('int setgroups(size_t size, const void *list)')
const setgid = bind('int setgid(gid_t gid)')
const setuid = bind('int setuid(uid_t uid)')

/** Root, without the powers that it does not need: capabilities(7). */
export const capabilities: Mechanism = {
  name: 'capabilities',
  flags: 0,
  inside(spec) {
    const user = userOf(spec)
    const { keep, held, ambient } = setsFor(spec, user)
    coverKernelFiles(spec) // mounts, which takes SYS_ADMIN
    dropBounding(keep) // takes SETPCAP
    if (user) becomeUser(user) // takes SETUID and SETGID
    capset(held, ambient) // what is gone now does not come back
    raiseAmbient(ambient)
    if (!spec.privileges.newPrivileges) noNewPrivs()
    filterCalls(spec)
  },
}

/** The names of a set, as /proc/<pid>/status prints it: a number in hexadecimal, with a bit for each. */
export function decode(hex: string): string[] {
  return notWritten('09.1 a mask', decode, hex)
}

/** Takes from the bounding set whatever is not in `keep`. Not even root gets that again, by no execve(2). */
export function dropBounding(keep: bigint): void {
  notWritten('09.2 prctl(2)', dropBounding, keep)
}

/** Sets this thread's permitted and effective set, and its inheritable one. */
export function capset(permitted: bigint, inheritable: bigint): void {
  notWritten('09.3 capset(2)', capset, permitted, inheritable)
}

/** From now on execve(2) gives nobody more than he has: no setuid program, no file capabilities. */
export function noNewPrivs(): void {
  notWritten('09.4 prctl(2)', noNewPrivs)
}

/** Becomes another user, and keeps the permitted set for the last steps. */
export function becomeUser(user: User): void {
  const { uid, gid, groups } = user
  notWritten('09.5 setuid(2)', becomeUser, user)
}
