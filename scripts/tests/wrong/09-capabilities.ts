import type { Wrong } from './wrong.ts'

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
]
