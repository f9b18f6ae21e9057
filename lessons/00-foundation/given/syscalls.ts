/*
 * System calls that libc has no function for (or has only since lately) are called by number, and the numbers differ
 * between machines: pivot_root is 155 on x86-64 and 41 on aarch64. Newer calls got one number for all.
 */
const X64 = {
  pivot_root: 155,
  rt_sigprocmask: 14,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  keyctl: 250,
  bpf: 321,
  seccomp: 317,
  execveat: 322,
}

const ARM64 = {
  pivot_root: 41,
  rt_sigprocmask: 135,
  setgroups: 159,
  setresuid: 147,
  setresgid: 149,
  keyctl: 219,
  bpf: 280,
  seccomp: 277,
  execveat: 281,
}

const EVERYWHERE = {
  pidfd_send_signal: 424,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  pidfd_open: 434,
  close_range: 436,
  openat2: 437,
  pidfd_getfd: 438,
  mount_setattr: 442,
}

const numbers: Record<string, number> = { ...EVERYWHERE, ...(process.arch === 'arm64' ? ARM64 : X64) }

/** The number of a system call on this machine; undefined where libc's own function is to be used: syscalls(2). */
export function syscallNumber(name: string): number | undefined {
  return numbers[name]
}
