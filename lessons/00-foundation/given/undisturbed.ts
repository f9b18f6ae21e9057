import { libc } from './libc.ts'
import { syscallNumber } from './syscalls.ts'

const SIG_BLOCK = 0
const SIG_SETMASK = 2
const SIGSET = 8 // bytes; the kernel's sigset_t, not libc's of 128

// Of the calling thread alone, which libc's function does not promise. Not traced: it does nothing to a container.
const sigprocmask = libc.func('long syscall(long nr, int how, void *set, void *oldset, size_t size)')

/** No signal, or all of them. */
export const NONE = new Uint8Array(SIGSET)
export const ALL = new Uint8Array(SIGSET).fill(0xff)

/**
 * Makes calls that no signal comes between: to this thread they come afterwards. Some calls end early for a signal, even
 * one whose handler does nothing, and either they or who made them cannot go on. A child that is cloned meanwhile is born
 * with all signals blocked.
 *
 * @see sigprocmask(2), and signal(7), "Interruption of system calls"
 */
export function undisturbed<T>(calls: () => T): T {
  const before = new Uint8Array(SIGSET)
  mask(SIG_BLOCK, ALL, before)
  try {
    return calls()
  } finally {
    setMask(before)
  }
}

/** Blocks these signals, and no others. */
export function setMask(signals: Uint8Array): void {
  mask(SIG_SETMASK, signals, null)
}

function mask(how: number, set: Uint8Array, old: Uint8Array | null): void {
  sigprocmask(syscallNumber('rt_sigprocmask'), how, set, old, SIGSET)
}
