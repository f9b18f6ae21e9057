/*
 * A thread's capability sets. The kernel keeps five: effective (what counts), permitted (what it may make effective),
 * inheritable and ambient (what execve may carry over), bounding (the limit of what execve may add): capabilities(7).
 */
import { UsageError } from '../errors.ts'
import { bind, libc, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_CAPBSET_READ, prctl } from '../libc.ts'
import type { Spec } from '../mechanism.ts'
import { bit, CAPABILITIES, maskOf } from './names.ts'
import type { User } from './users.ts'

/** Sets as numbers, a bit for each capability. */
export interface Sets {
  effective: bigint
  permitted: bigint
  inheritable: bigint
}

/** The version of the structs: since Linux 2.6.26 they hold 64 bits, in two halves. */
export const LINUX_CAPABILITY_VERSION_3 = 0x20080522

const capgetC = bind('int capget(void *hdrp, void *datap)')

/**
 * The sets of this thread.
 *
 *     struct { u32 version; int pid; } *hdrp                                     pid 0 is the calling thread
 *     struct { u32 effective; u32 permitted; u32 inheritable; } datap[2]         bits 0 to 31, then 32 to 63
 *
 * @see capget(2)
 */
export function capget(): Sets {
  const header = Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0)
  const data = new Uint32Array(6)
  capgetC(header, data)
  const whole = (i: number) => BigInt(data[i] ?? 0) | (BigInt(data[i + 3] ?? 0) << 32n)
  return { effective: whole(0), permitted: whole(1), inheritable: whole(2) }
}

let count: number | undefined

/** How many capabilities this kernel knows: their numbers are 0 to one less. */
export function known(): number {
  if (count === undefined) boundingSet()
  return count ?? 0
}

/** This thread's bounding set. */
export function boundingSet(): bigint {
  let mask = 0n
  for (let n = 0; ; n++) {
    const present = boundingHas(n)
    if (present === undefined) {
      count = n
      return mask
    }
    if (present) mask |= 1n << BigInt(n)
  }
}

// Not by bind(): the call that fails, after the last one, is no error, and to make one takes longer than all the others.
const read = libc.func('int prctl(int option, unsigned long n)')

function boundingHas(n: number): boolean | undefined {
  const answer = read(PR_CAPBSET_READ, n)
  return answer === -1 ? undefined : answer === 1 // EINVAL: this kernel has no capability of that number
}

/**
 * The sets that a container is to have: `keep` for its root, `held` for this process until it becomes the command, and
 * `ambient` for a command that is not root.
 *
 * @throws {UsageError} where one was asked for that the starter has not: nobody gives what he has not got
 */
export function setsFor({ privileges, init }: Spec, user?: User): { keep: bigint; held: bigint; ambient: bigint } {
  const mask = boundingSet()
  const missing = privileges.asked.find((name) => !(mask & bit(name)))
  if (missing) {
    throw new UsageError(`--cap-add ${missing}: whoever starts the container must have it himself, and has not`, 125)
  }
  const keep = maskOf(privileges.capabilities) & mask
  const ambient = user?.uid ? maskOf(privileges.asked) : 0n
  const forInit = init ? bit('KILL') & mask : 0n // it forwards signals, maybe to another user; its children get none
  return { keep, held: (user?.uid ? ambient : keep) | forInit, ambient }
}

/** Raises ambient capabilities: what a program gets that has no file capabilities, run by one who is not root. */
export function raiseAmbient(mask: bigint): void {
  for (const [n] of CAPABILITIES.entries()) {
    if ((mask >> BigInt(n)) & 1n) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0)
  }
}
