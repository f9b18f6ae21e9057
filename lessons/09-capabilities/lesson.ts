import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'capabilities',
  title: 'Root, without its powers',
  minutes: [45],
  needs: ['pid', 'mount'],
  keeps: ['SYS_TIME', 'SYS_MODULE'],
  tasks: [
    {
      id: '09.1',
      title: 'read a set: names from a mask',
      hints: [
        'Bit 0 is the first name in CAPABILITIES, bit 40 the last. Which bits are set?',
        "The operators of a JavaScript number see 32 bits, and there are 41. BigInt('0x' + hex) has room for all.",
        "const mask = BigInt('0x' + hex)\nreturn CAPABILITIES.filter((_, n) => (mask >> BigInt(n)) & 1n)",
      ],
    },
    {
      id: '09.2',
      title: 'the bounding set: what not even root gets again',
      hints: [
        'The kernel drops one capability per call, so there are many calls: for each that is not in `keep`.',
        'prctl(2) with PR_CAPBSET_DROP and the number of the bit; known() says how many this kernel has.',
        'for (let n = 0; n < known(); n++) {\n  if (!((keep >> BigInt(n)) & 1n)) prctl(PR_CAPBSET_DROP, n, 0, 0, 0)\n}',
      ],
    },
    {
      id: '09.3',
      title: 'the sets of this thread',
      hints: [
        'given/capabilities/sets.ts has capget, which reads the same structs that you are to write.',
        'Six numbers of 32 bits: effective, permitted, inheritable of the bits 0 to 31, then the same of 32 to 63.',
        'const header = Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0)\nconst sets = [permitted, permitted, inheritable]\nconst low = sets.map((set) => Number(set & 0xffffffffn))\nconst high = sets.map((set) => Number(set >> 32n))\ncapsetC(header, Uint32Array.from([...low, ...high]))',
      ],
    },
    {
      id: '09.4',
      title: 'no new privileges',
      hints: [
        'A program with the setuid bit runs as its owner, and that may be root. One flag of a process says: not below me.',
        'prctl(2) with PR_SET_NO_NEW_PRIVS and 1. What it does not use must be 0.',
        'prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)',
      ],
    },
    {
      id: '09.5',
      title: 'another user',
      hints: [
        'Three things make a user: groups, a group, an id. Which of them must come last, if each takes a capability?',
        'setgroups, setgid, setuid. The last empties the permitted set, unless PR_SET_KEEPCAPS was set before.',
        'prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)\nsetgroups(groups.length, Uint32Array.from(groups))\nsetgid(gid)\nsetuid(uid)',
      ],
    },
  ],
  tour: {
    says: 'The power of root is 41 capabilities. A container keeps fourteen, and its root\nis one in name: it owns its files, and not the machine.',
    looks: [
      { label: 'a new name', command: 'hostname "$(hostname)" 2>&- && echo works || echo refused' },
      { label: 'id -u', command: 'id -u' },
      { label: 'CapEff', command: 'grep CapEff /proc/self/status | cut -f2' },
    ],
    but: 'But what it changes in its root is changed for all who have the same root.',
  },
}
