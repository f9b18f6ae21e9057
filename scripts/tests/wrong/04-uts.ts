import type { Right, Wrong } from './wrong.ts'

export const wrong: Wrong[] = [
  {
    name: 'no name set',
    change: [['    sethostname(hostname)\n', '']],
    check: '04.1',
    says: /hostname\(1\) in the container asks the kernel/,
  },
  {
    name: 'a name that is always the same',
    change: [['sethostname(hostname)', "sethostname('container')"]],
    check: '04.1',
    says: /uname\(2\)/,
  },
  {
    name: 'an error swallowed',
    change: [['sethostname(hostname)', 'try { sethostname(hostname) } catch {}']],
    check: '04.1',
    says: /your code must not hide it/,
  },
  {
    name: 'a name cut off where it is too long',
    change: [['sethostname(hostname)', 'sethostname(hostname.slice(0, 64))']],
    check: '04.1',
    says: /the kernel says no/,
  },
  {
    name: 'no UTS namespace',
    change: [['flags: CLONE_NEWUTS', 'flags: 0']],
    check: '04.2',
    says: /your code renamed the host/,
  },
  {
    name: 'the name set outside, where it is the host that calls',
    change: [['  inside({ hostname, domainname }) {', '  outside({ spec: { hostname, domainname } }) {']],
    check: '04.2',
    says: /your code renamed the host/,
  },
  {
    name: 'another namespace than the right one',
    change: [
      ['CLONE_NEWUTS, sethostname', 'CLONE_NEWIPC, sethostname'],
      ['flags: CLONE_NEWUTS', 'flags: CLONE_NEWIPC'],
    ],
    check: '04.2',
    says: /your code renamed the host/,
  },
  {
    name: 'the length of the domain name in characters',
    change: [['Buffer.byteLength(domainname)', 'domainname.length']],
    check: '04.3',
    says: /the length in bytes, not characters/,
  },
]

export const right: Right[] = [
  {
    name: 'the domain first, its bytes counted by hand, and names of its own',
    change: [
      ['inside({ hostname, domainname }) {\n    sethostname(hostname)\n', 'inside: (spec) => {\n'],
      [
        'setdomainname(domainname, Buffer.byteLength(domainname)) // len counts bytes\n  },',
        'const bytes = new TextEncoder().encode(spec.domainname)\n    setdomainname(spec.domainname, bytes.length)\n    sethostname(spec.hostname)\n  },',
      ],
    ],
  },
  {
    name: 'the kernel asked directly, and the name written to /proc',
    change: [
      ["const setdomainname = bind('int setdomainname(const char *name, size_t len)')", 'const FLAG = 0x04000000'],
      ['import { bind, CLONE_NEWUTS, sethostname }', "import { writeFileSync } from 'node:fs'\nimport { sethostname }"],
      ['flags: CLONE_NEWUTS', 'flags: FLAG'],
      [
        'setdomainname(domainname, Buffer.byteLength(domainname))',
        "writeFileSync('/proc/sys/kernel/domainname', domainname)",
      ],
    ],
  },
]
