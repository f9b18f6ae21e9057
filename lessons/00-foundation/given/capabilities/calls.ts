/*
 * The system calls that a container has no business with, in the spirit of Docker's default profile, with their numbers
 * on x86-64 and on aarch64; 0 where the machine has no such call. Calls that came after Linux 5.0 have one number.
 */
type Numbers = number | [x64: number, arm64: number]

/** Refused to all. */
const NEVER: Record<string, Numbers> = {
  // Keys are in no namespace: the keyrings of user 0 are the host's.
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  // Much code in the kernel, many holes in its past.
  userfaultfd: [323, 282],
  io_uring_setup: 425,
  io_uring_register: 427, // and io_uring_enter is of no use without a ring: but our own init has one
  // About the whole machine.
  swapon: [167, 224],
  swapoff: [168, 225],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  nfsservctl: [180, 42],
  // Of no use to anybody today.
  uselib: [134, 0],
  ustat: [136, 0],
  sysfs: [139, 0],
  _sysctl: [156, 0],
}

/** Refused to who has not that capability. The kernel would refuse most by itself; here it is asked before. */
const UNLESS: Record<string, Record<string, Numbers>> = {
  SYS_ADMIN: {
    mount: [165, 40],
    umount2: [166, 39],
    pivot_root: [155, 41],
    open_tree: 428,
    move_mount: 429,
    fsopen: 430,
    fsconfig: 431,
    fsmount: 432,
    fspick: 433,
    mount_setattr: 442,
    open_tree_attr: 467,
    unshare: [272, 97],
    setns: [308, 268],
    sethostname: [170, 161],
    setdomainname: [171, 162],
    quotactl: [179, 60],
    quotactl_fd: 443,
    fanotify_init: [300, 262],
    lookup_dcookie: [212, 18],
    bpf: [321, 280],
    perf_event_open: [298, 241],
  },
  SYS_CHROOT: { chroot: [161, 51] },
  SYS_BOOT: { reboot: [169, 142] },
  SYS_MODULE: { init_module: [175, 105], finit_module: [313, 273], delete_module: [176, 106] },
  SYS_TIME: { settimeofday: [164, 170], clock_settime: [227, 112] },
  SYS_PTRACE: {
    process_vm_readv: [310, 270],
    process_vm_writev: [311, 271],
    kcmp: [312, 272],
    pidfd_getfd: 438,
    process_madvise: 440,
  },
  SYS_PACCT: { acct: [163, 89] },
  SYS_RAWIO: { iopl: [172, 0], ioperm: [173, 0] },
  SYS_NICE: {
    get_mempolicy: [239, 236],
    set_mempolicy: [238, 237],
    set_mempolicy_home_node: 450,
    mbind: [237, 235],
    move_pages: [279, 239],
  },
  SYS_TTY_CONFIG: { vhangup: [153, 58] },
  SYSLOG: { syslog: [103, 116] },
  DAC_READ_SEARCH: { open_by_handle_at: [304, 265] },
}

const here = (numbers: Numbers) => (typeof numbers === 'number' ? numbers : numbers[process.arch === 'arm64' ? 1 : 0])

/** The numbers of the calls that are refused to a container with these capabilities. */
export function refused(capabilities: readonly string[]): number[] {
  const others = Object.entries(UNLESS).filter(([name]) => !capabilities.includes(name))
  const calls = [NEVER, ...others.map(([, calls]) => calls)].flatMap((group) => Object.values(group))
  return calls.map(here).filter((number) => number > 0)
}

/** The newest call that this list was made with: Linux 6.17. */
export const NEWEST = 469
export const CLONE = here([56, 220])
export const CLONE3 = 435
