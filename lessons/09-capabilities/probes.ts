/*
 * A probe for each capability: a call that succeeds for who has it, and changes nothing of this machine.
 *
 *     node probes.ts PID
 *
 * Makes each call twice: with all capabilities that this process has but that one, and with that one alone. PID is a
 * process of another user, to be signalled and traced. Prints JSON: what became of each call.
 */
import { chownSync, closeSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { bit } from '#given/capabilities/names.ts'
import { capget, LINUX_CAPABILITY_VERSION_3 } from '#given/capabilities/sets.ts'
import { bind, chroot, kill, mount, PR_CAPBSET_DROP, prctl, umount2 } from '#given/libc.ts'

const setresuid = bind('int setresuid(uid_t ruid, uid_t euid, uid_t suid)')
const socket = bind('int socket(int domain, int type, int protocol)')
const ioctl = bind('int ioctl(int fd, unsigned long op, void *argp)')
const ptrace = bind('long ptrace(int op, pid_t pid, unsigned long addr, unsigned long data)')
const deleteModule = bind('int delete_module(const char *name, unsigned int flags)')
const settimeofday = bind('int settimeofday(const void *tv, const void *tz)')
const capsetC = bind('int capset(void *hdrp, const void *datap)')

const [AF_INET, SOCK_DGRAM, SOCK_RAW, IPPROTO_ICMP] = [2, 2, 3, 1]
const [SIOCGIFFLAGS, SIOCSIFFLAGS] = [0x8913, 0x8914]
const PTRACE_SEIZE = 0x4206
const WAKE_ALARM = 35 // a capability that nobody here needs
const O_NONBLOCK = 0o4000

const own = `/tmp/probe-${process.pid}`
const other = Number(process.argv[2])

const PROBES: Record<string, () => void> = {
  CHOWN: () => withFile((file) => chownSync(file, 1, 1)),
  KILL: () => kill(other, 0), // signal 0 asks only whether one may
  SETUID: () => setresuid(-1, -1, 65534), // the saved id only: nothing else changes by it
  SETPCAP: () => prctl(PR_CAPBSET_DROP, WAKE_ALARM, 0, 0, 0),
  NET_ADMIN: () => withSocket(SOCK_DGRAM, 0, (fd) => sameFlags(fd)),
  NET_RAW: () => withSocket(SOCK_RAW, IPPROTO_ICMP, () => {}),
  SYS_CHROOT: () => chroot('/'),
  SYS_ADMIN: () => withFolder((folder) => mount('probe', folder, 'tmpfs', 0, null)),
  SYS_PTRACE: () => ptrace(PTRACE_SEIZE, other, 0, 0), // let go when this process ends
  SYS_MODULE: () => deleteModule('no-such-module', O_NONBLOCK),
  // A time zone that is none. The kernel asks for the capability first, and then says EINVAL; the clock stays.
  SYS_TIME: () => settimeofday(null, Int32Array.of(100_000, 0)),
}

/** Errors that come after the question whether one may. */
const ALLOWED: Record<string, string> = { SYS_MODULE: 'ENOENT', SYS_TIME: 'EINVAL' }

function outcome(name: string, probe: () => void): string {
  try {
    probe()
    return 'works'
  } catch (error) {
    const { code = String(error) } = error as { code?: string }
    if (name === 'SYS_MODULE' && code === 'ENOSYS') return 'no modules'
    return code === ALLOWED[name] ? 'works' : code
  }
}

function withFile(use: (file: string) => void): void {
  writeFileSync(own, '')
  try {
    use(own)
  } finally {
    rmSync(own)
  }
}

function withFolder(use: (folder: string) => void): void {
  mkdirSync(own)
  try {
    use(own)
    umount2(own, 0)
  } finally {
    rmdirSync(own)
  }
}

function withSocket(type: number, protocol: number, use: (fd: number) => void): void {
  const fd = socket(AF_INET, type, protocol)
  try {
    use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Sets the flags of the loopback interface to what they are: netdevice(7). */
function sameFlags(fd: number): void {
  const request = Buffer.alloc(40)
  request.write('lo')
  ioctl(fd, SIOCGIFFLAGS, request)
  ioctl(fd, SIOCSIFFLAGS, request)
}

/** Chooses what is effective. The permitted set stays, so that the next probe can have another. */
function setEffective(wanted: bigint): void {
  const { permitted } = capget()
  const halves = (set: bigint): [number, number] => [Number(set & 0xffffffffn), Number(set >> 32n)]
  const [[low, high], [allLow, allHigh]] = [halves(wanted & permitted), halves(permitted)]
  capsetC(Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0), Uint32Array.of(low, allLow, 0, high, allHigh, 0))
}

const outcomes = Object.entries(PROBES).map(([name, probe]) => {
  setEffective(~bit(name))
  const without = outcome(name, probe)
  setEffective(bit(name))
  return [name, { without, alone: outcome(name, probe) }]
})
console.log(JSON.stringify(Object.fromEntries(outcomes)))
