import type { Right, Wrong } from './wrong.ts'

const LINKS = '00.2 the links of a process'
const CHILDREN = '00.2 …_for_children'

export const wrong: Wrong[] = [
  {
    name: 'the buffer as it is, with all that follows the NUL',
    change: [['name.subarray(0, name.indexOf(0))', 'name']],
    check: '00.1 the NIS domain name',
    says: /a C string ends at its first 0 byte/,
  },
  {
    name: 'one byte for each character',
    change: [
      [
        'new TextDecoder().decode(name.subarray(0, name.indexOf(0)))',
        'String.fromCharCode(...name.subarray(0, name.indexOf(0)))',
      ],
    ],
    check: '00.1 the NIS domain name',
    says: /is UTF-8/,
  },
  {
    name: 'no room for a long name',
    change: [['const LONGEST = 64', 'const LONGEST = 32']],
    check: '00.1 the NIS domain name',
    says: /up to 64 bytes|EINVAL/,
  },
  {
    name: 'the file in /proc, in place of the call',
    instead: {
      getdomainname: `
export function getdomainname(): string {
  return readFileSync('/proc/sys/kernel/domainname', 'utf8').trim()
}`,
    },
    change: [['import { readdirSync,', 'import { readFileSync, readdirSync,']],
    check: '00.1 it asks the kernel',
    says: /make the call with bind\(\)/,
  },
  {
    name: 'a call that libc does not have',
    change: [["bind('int getdomainname(", "bind('int getdomain("]],
    check: '00.1 a call that the kernel refuses',
    says: /getdomain/,
  },
  {
    name: 'its own links, whatever was asked',
    change: [['`/proc/${pid}/ns`', "'/proc/self/ns'"]],
    check: '00.2',
    says: /the process that you were asked about/,
  },
  {
    name: 'only the eight',
    change: [['readdirSync(folder).map', 'NAMESPACES.map']],
    check: LINKS,
    says: /a property for each link/,
  },
  {
    name: 'only the number of each',
    change: [['readlinkSync(`${folder}/${name}`)]', "readlinkSync(`${folder}/${name}`).replace(/\\D/g, '')]"]],
    check: LINKS,
    says: /where it leads/,
  },
  {
    name: 'the place of the children taken for the place of the process',
    change: [
      [
        'readlinkSync(`${folder}/${name}`)]',
        "readlinkSync(`${folder}/${name === 'pid' ? 'pid_for_children' : name}`)]",
      ],
    ],
    check: CHILDREN,
    says: /unshare\(2\) never moves its caller/,
  },
  {
    name: 'an error swallowed',
    change: [
      [
        '  return Object.fromEntries(readdirSync',
        '  if (!existsSync(folder)) return {}\n  return Object.fromEntries(readdirSync',
      ],
      ['import { readdirSync,', 'import { existsSync, readdirSync,'],
    ],
    check: '00.2 no such process',
    says: /let the error of readdir\(3\) or readlink\(2\) through/,
  },
  {
    name: 'all ten links compared',
    change: [
      [
        'NAMESPACES.filter((kind) => one[kind] === other[kind])',
        '(Object.keys(one) as Namespace[]).filter((kind) => one[kind] === other[kind])',
      ],
    ],
    check: '00.3',
    says: /compare the eight in NAMESPACES|all eight|has its namespaces from its parent/,
  },
  {
    name: 'what they do not share',
    change: [['one[kind] === other[kind]', 'one[kind] !== other[kind]']],
    check: '00.3 a process with namespaces of its own',
    says: /unshare\(1\) made new uts and ipc namespaces/,
  },
  {
    name: 'where the children would be, in place of the process',
    change: [
      [
        'one[kind] === other[kind]',
        "one[kind === 'pid' ? 'pid_for_children' : kind] === other[kind === 'pid' ? 'pid_for_children' : kind]",
      ],
    ],
    check: '00.3 of ten links eight count',
    says: /pid_for_children differs, pid does not/,
  },
]

export const right: Right[] = [
  {
    name: 'a Buffer, loops, and the error made by hand',
    instead: {
      getdomainname: `
export function getdomainname(): string {
  const buffer = Buffer.alloc(256)
  getdomainnameC(buffer, buffer.byteLength)
  const end = buffer.indexOf('\\0')
  return buffer.toString('utf8', 0, end)
}`,
      namespaces: `
export function namespaces(pid: Pid): Record<string, string> {
  const links: Record<string, string> = {}
  for (const entry of readdirSync('/proc/' + pid + '/ns', { withFileTypes: true })) {
    links[entry.name] = readlinkSync(entry.parentPath + '/' + entry.name)
  }
  return links
}`,
      shared: `
export function shared(a: Pid, b: Pid): Namespace[] {
  const common: Namespace[] = []
  const theirs = namespaces(b)
  for (const [name, link] of Object.entries(namespaces(a))) {
    if (!name.endsWith('_for_children') && theirs[name] === link) common.push(name as Namespace)
  }
  return common.sort()
}`,
    },
  },
  {
    name: 'as little as does, and the call bound where it is made',
    change: [["const getdomainnameC = bind('int getdomainname(char *name, size_t len)')\n", '']],
    instead: {
      getdomainname: `
export function getdomainname() {
  const name = Buffer.alloc(65)
  bind('int getdomainname(void *name, size_t len)')(name, 65)
  return String(name).split('\\0')[0] ?? ''
}`,
      namespaces: `
export function namespaces(pid: Pid): Record<string, string> {
  const names = [...NAMESPACES, 'pid_for_children', 'time_for_children']
  return Object.fromEntries(names.map((name) => [name, readlinkSync(['', 'proc', pid, 'ns', name].join('/'))]))
}`,
      shared: `
export const shared = (a: Pid, b: Pid): Namespace[] =>
  NAMESPACES.filter((kind) => readlinkSync(\`/proc/\${a}/ns/\${kind}\`) === readlinkSync(\`/proc/\${b}/ns/\${kind}\`))`,
    },
  },
]
