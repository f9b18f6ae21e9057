import type { Right, Wrong } from './wrong.ts'

export const wrong: Wrong[] = [
  {
    name: 'a mask as a number, whose operators see 32 bits',
    change: [
      ['BigInt(`0x', 'Number(`0x'],
      ['(mask >> BigInt(n)) & 1n', '(mask >> n) & 1'],
    ],
    check: '09.1',
    says: /BigInt/,
  },
  {
    name: 'the names in the order of the highest bit first',
    change: [['(mask >> BigInt(n)) & 1n)', '(mask >> BigInt(40 - n)) & 1n)']],
    check: '09.1',
    says: /bit 0 is CHOWN/,
  },
  {
    name: 'the bounding set kept',
    change: [['if (!((keep >> BigInt(n)) & 1n)) prctl(PR_CAPBSET_DROP, n, 0, 0, 0)', '']],
    check: '09.2 root is refused a chown',
    says: /when root calls execve/,
  },
  {
    name: 'dropped what was to be kept',
    change: [['if (!((keep', 'if (((keep']],
    check: '09.2 root is refused a chown',
    says: /bounding set/,
  },
  {
    name: 'only the lower 32 dropped',
    change: [['n < known()', 'n < 32']],
    check: '09.2 the bounding set holds',
    says: /in the bounding set of the container/,
  },
  {
    name: 'only the lower 32 bits set',
    change: [['sets.map((set) => Number(set >> 32n))', 'sets.map(() => 0)']],
    check: '09.3 the init that goes on living',
    says: /the permitted set of pid 1/,
  },
  {
    name: 'the sets in the order of the man page of status, inheritable first',
    change: [['[permitted, permitted, inheritable] //', '[inheritable, permitted, permitted] //']],
    check: '09.3 the init that goes on living',
    says: /comes first in the struct/,
  },
  {
    name: 'capabilities dropped before the mounts',
    change: [
      ['    coverKernelFiles(spec) // mounts, which takes SYS_ADMIN\n', ''],
      ['    raiseAmbient(ambient)\n', '    coverKernelFiles(spec)\n    raiseAmbient(ambient)\n'],
    ],
    check: '09.3 the container knows nothing',
    says: /The mounts come first/,
  },
  {
    name: 'no_new_privs forgotten',
    change: [['prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)', '']],
    check: '09.4 a setuid program',
    says: /became root by a setuid program/,
  },
  {
    name: 'the groups of root kept',
    change: [['setgroups(groups.length, Uint32Array.from(groups)) //', '//']],
    check: '09.5 the command has the user',
    says: /its groups/,
  },
  {
    name: 'the user before the group',
    change: [
      ['  setuid(uid)\n', ''],
      ['  setgroups(groups', '  setuid(uid)\n  setgroups(groups'],
    ],
    check: '09.5 the command has the user',
    says: /the user comes last/,
  },
  {
    name: 'the permitted set not kept over setuid',
    change: [['prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) //', '//']],
    check: '09.5 it loses all capabilities',
    says: /PR_SET_KEEPCAPS/,
  },

  {
    name: 'only the effective set emptied',
    change: [
      ['[permitted, permitted, inheritable] //', '[permitted, capget().permitted, inheritable] //'],
      ['import { known,', 'import { capget, known,'],
    ],
    check: '09.3 what is gone',
    says: /It must be gone from the permitted set/,
  },
]

export const right: Right[] = [
  {
    name: 'a DataView, powers of two, one loop',
    change: [
      [
        'export function noNewPrivs(): void {\n  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)',
        'export function noNewPrivs(): void {\n  prctl(38, 1, 0, 0, 0)',
      ],
    ],
    instead: {
      decode: `
export function decode(hex: string): string[] {
  const names: string[] = []
  let mask = BigInt('0x' + hex.trim())
  for (const name of CAPABILITIES) {
    if (mask % 2n === 1n) names.push(name)
    mask /= 2n
  }
  return names
}`,
      dropBounding: `
export function dropBounding(keep: bigint): void {
  for (const [n] of CAPABILITIES.entries()) {
    if (n < known() && (keep & (2n ** BigInt(n))) === 0n) prctl(PR_CAPBSET_DROP, n, 0, 0, 0)
  }
}`,
      capset: `
export function capset(permitted: bigint, inheritable: bigint): void {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3)
  const data = new DataView(new ArrayBuffer(24))
  ;[permitted, permitted, inheritable].forEach((set, i) => {
    data.setUint32(4 * i, Number(BigInt.asUintN(32, set)), true)
    data.setUint32(4 * i + 12, Number(set / 4294967296n), true)
  })
  capsetC(header, new Uint8Array(data.buffer))
}`,
      becomeUser: `
export function becomeUser({ uid, gid, groups }: User): void {
  setgroups(groups.length, Uint32Array.from(groups))
  setgid(gid)
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
  setuid(uid)
}`,
    },
  },
  {
    name: 'digits read from the right, all three ids set, no_new_privs first',
    change: [
      ['setgid(gid_t gid)', 'setresgid(gid_t a, gid_t b, gid_t c)'],
      ['setuid(uid_t uid)', 'setresuid(uid_t a, uid_t b, uid_t c)'],
      ['    if (!spec.privileges.newPrivileges) noNewPrivs()\n', ''],
      [
        '    coverKernelFiles(spec) // mounts',
        '    if (!spec.privileges.newPrivileges) noNewPrivs()\n    coverKernelFiles(spec) // mounts',
      ],
    ],
    instead: {
      decode: `
export function decode(hex: string): string[] {
  const bits = [...hex].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('')
  return [...bits].reverse().flatMap((bit, n) => (bit === '1' ? [CAPABILITIES[n] ?? String(n)] : []))
}`,
      capset: `
export function capset(permitted: bigint, inheritable: bigint): void {
  const all = BigUint64Array.of(permitted, permitted, inheritable)
  const halves = new Uint32Array(all.buffer) // low, high, low, high, low, high
  capsetC(Uint32Array.of(LINUX_CAPABILITY_VERSION_3, process.pid === 1 ? 0 : 0), Uint32Array.from([0, 2, 4, 1, 3, 5], (i) => halves[i] ?? 0))
}`,
      becomeUser: `
export function becomeUser(user: User): void {
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
  const list = new Uint32Array(user.groups)
  setgroups(list.length, list)
  setgid(user.gid, user.gid, user.gid)
  setuid(user.uid, user.uid, user.uid)
}`,
    },
  },
]
