import type { Right, Wrong } from './wrong.ts'

const OPEN =
  "const files = namespaces.map((name) => openSync(`/proc/${pid}/ns/${name}`, 'r')) // all first: later /proc is another"
const ENTER = 'for (const file of files) setns(file, 0)'
const CLOSE = 'for (const file of files) closeSync(file)'
const GET = 'ioctl(from, TIOCGWINSZ, winsize)'
const SET = 'ioctl(to, TIOCSWINSZ, winsize)'

export const wrong: Wrong[] = [
  {
    name: 'opened, and never entered',
    change: [[`  ${ENTER}\n`, '']],
    check: '11.1 a command',
    says: /setns\(2\) with an open file/,
  },
  {
    name: 'the first name alone',
    change: [[ENTER, 'setns(files[0] ?? -1, 0)']],
    check: '11.1 a command',
    says: /for each name/,
  },
  {
    name: 'all namespaces, whatever is named',
    change: [['namespaces.map((name)', "['ipc', 'uts', 'net', 'pid'].map((name)"]],
    check: '11.1 it joins',
    says: /uts and net of the container, all others of the host/,
  },
  {
    name: 'new namespaces in place of those of the process',
    change: [[ENTER, 'void setns\n  unshare(0x6c000000)']],
    check: '11.1 a command',
    says: /setns\(2\) with an open file/,
  },
  {
    name: 'another pid namespace unshared, too',
    change: [[ENTER, `${ENTER}\n  if (namespaces.includes('pid')) unshare(0x20000000)`]],
    check: '11.1 pid',
    says: /two numbers|EINVAL|expected .* to have a length of 2/,
  },
  {
    name: 'its own namespaces, whoever was asked for',
    change: [['/proc/${pid}/ns', '/proc/self/ns']],
    check: '11.1 a command',
    says: /setns\(2\) with an open file/,
  },
  {
    name: 'pid left out: it is for children only',
    change: [['namespaces.map((name)', "namespaces.filter((name) => name !== 'pid').map((name)"]],
    check: '11.1 pid',
    says: /two numbers/,
  },
  {
    name: 'errors of setns(2) swallowed',
    change: [[ENTER, 'for (const file of files) {\n    try {\n      setns(file, 0)\n    } catch {}\n  }']],
    check: '11.1 what cannot',
    says: /your code must not hide it/,
  },
  {
    name: 'no process, no error',
    change: [
      [
        OPEN,
        "const files = namespaces.flatMap((name) => {\n    try {\n      return [openSync(`/proc/${pid}/ns/${name}`, 'r')]\n    } catch {\n      return []\n    }\n  })",
      ],
    ],
    check: '11.1 what cannot',
    says: /let the error of open\(2\) through/,
  },
  {
    name: 'files left open',
    change: [[`  ${CLOSE}\n`, '  void closeSync\n']],
    check: '11.1 it leaves',
    says: /close\(2\) it/,
  },
  {
    name: 'mnt forgotten',
    change: [['namespaces.map((name)', "namespaces.filter((name) => name !== 'mnt').map((name)"]],
    check: '11.2 root',
    says: /setns\(2\) moves it there/,
  },
  {
    name: 'CLONE_FS forgotten',
    change: [['unshare(CLONE_FS)', 'void [unshare, CLONE_FS]']],
    check: '11.2 root',
    says: /setns\(2\): EINVAL[\s\S]*unshare\(CLONE_FS\) first/,
  },
  {
    name: 'CLONE_FS forgotten, the mount namespace first',
    change: [['unshare(CLONE_FS)', 'void [unshare, CLONE_FS]']],
    check: '11.2 in whatever order',
    says: /setns\(2\): EINVAL[\s\S]*unshare\(CLONE_FS\) first/,
  },
  {
    name: 'its process ended in place of an error',
    change: [['unshare(CLONE_FS)', 'process.exit(unshare(CLONE_FS))']],
    check: '11.2 root',
    says: /join\(\) ended its process/,
  },
  {
    name: 'CLONE_FILES for CLONE_FS',
    change: [['unshare(CLONE_FS)', 'unshare(CLONE_FS * 2)']],
    check: '11.2 ls',
    says: /setns\(2\): EINVAL[\s\S]*unshare\(CLONE_FS\) first/,
  },
  {
    name: 'a root of its own after setns(2)',
    change: [
      ["  if (namespaces.includes('mnt')) ownRoot()\n", ''],
      [ENTER, `${ENTER}\n  if (namespaces.includes('mnt')) ownRoot()`],
    ],
    check: '11.2 box exec',
    says: /setns\(2\): EINVAL/,
  },
  {
    name: 'one file after the other',
    change: [
      [OPEN, 'const files: number[] = []'],
      [
        ENTER,
        "for (const name of namespaces) {\n    files.push(openSync(`/proc/${pid}/ns/${name}`, 'r'))\n    setns(files.at(-1) ?? -1, 0)\n  }",
      ],
    ],
    check: '11.2 in whatever order',
    says: /open all files first/,
  },
  {
    name: 'the mount namespace alone, and chroot for the rest',
    change: [['namespaces.map((name)', "namespaces.filter((name) => name === 'mnt').map((name)"]],
    check: '11.2 ls',
    says: /all that were named/,
  },
  {
    name: 'the two calls the wrong way round',
    change: [
      [GET, 'ioctl(from, TIOCSWINSZ, winsize)'],
      [SET, 'ioctl(to, TIOCGWINSZ, winsize)'],
    ],
    check: '11.3 yours keeps',
    says: /TIOCSWINSZ is for `to`/,
  },
  {
    name: 'the two terminals the wrong way round',
    change: [
      [GET, 'ioctl(to, TIOCGWINSZ, winsize)'],
      [SET, 'ioctl(from, TIOCSWINSZ, winsize)'],
    ],
    check: '11.3 a terminal becomes',
    says: /TIOCGWINSZ of `from`, TIOCSWINSZ of `to`/,
  },
  {
    name: 'columns first',
    change: [[SET, 'winsize.subarray(0, 2).reverse()\n  ioctl(to, TIOCSWINSZ, winsize)']],
    check: '11.3 a terminal becomes',
    says: /The first short is rows/,
  },
  {
    name: 'two shorts only',
    change: [[SET, 'ioctl(to, TIOCSWINSZ, Uint16Array.of(winsize[0] ?? 0, winsize[1] ?? 0, 0, 0))']],
    check: '11.3 pixels',
    says: /ws_xpixel/,
  },
  {
    name: 'ints in place of shorts',
    change: [
      ['new Uint16Array(4)', 'new Uint32Array(4)'],
      [SET, 'ioctl(to, TIOCSWINSZ, Uint16Array.from(winsize))'],
    ],
    check: '11.3 a terminal becomes',
    says: /The first short is rows/,
  },
  {
    name: 'always 24 by 80',
    change: [[GET, 'winsize.set([24, 80, 0, 0])']],
    check: '11.3 a command of box exec',
    says: /consoleSize\(\) is called once|33 99/,
  },
  {
    name: 'the first size that it ever saw',
    change: [
      [GET, 'if (first[0] === 0) ioctl(from, TIOCGWINSZ, first)\n  winsize.set(first)'],
      ['const TIOCSWINSZ = 0x5414', 'const TIOCSWINSZ = 0x5414\nconst first = new Uint16Array(4)'],
    ],
    check: '11.3 a command of box exec',
    says: /the new size: at SIGWINCH/,
  },
  {
    name: 'what is no terminal has 24 rows',
    change: [[GET, 'try {\n    ioctl(from, TIOCGWINSZ, winsize)\n  } catch {\n    return\n  }']],
    check: '11.3 what is no terminal',
    says: /let the error through/,
  },
]

export const right: Right[] = [
  {
    name: 'a namespace by its kind, one pass that opens and one that enters and closes; node:fs',
    change: [["import { closeSync, openSync } from '#given/fs.ts'", "import { closeSync, openSync } from 'node:fs'"]],
    instead: {
      join: `
export function join(pid: number, namespaces: string[]): void {
  const CLONE = { cgroup: 0x2000000, ipc: 0x8000000, uts: 0x4000000, net: 0x40000000, pid: 0x20000000, mnt: 0x20000 }
  const open = new Map<string, number>()
  for (const name of namespaces) open.set(name, openSync('/proc/' + pid + '/ns/' + name, 'r'))
  for (const [name, file] of open) {
    if (name === 'mnt') ownRoot()
    setns(file, CLONE[name as keyof typeof CLONE])
    closeSync(file)
  }
}`,
      consoleSize: `
export function consoleSize(from: number, to: number): void {
  const bytes = Buffer.alloc(8)
  ioctl(from, TIOCGWINSZ, bytes)
  const [rows, columns, x, y] = [0, 2, 4, 6].map((at) => bytes.readUInt16LE(at))
  ioctl(to, TIOCSWINSZ, Uint16Array.from([rows, columns, x, y].map(Number)))
}`,
    },
  },
  {
    name: 'CLONE_NEWNS, which brings CLONE_FS, in place of it; all in one setns(2) of a pidfd',
    change: [
      [
        "import { closeSync, openSync } from '#given/fs.ts'",
        "import { closeSync } from '#given/fs.ts'\nimport { bind } from '#given/libc.ts'",
      ],
      ['import { CLONE_FS, setns', 'import { setns'],
      ['unshare(CLONE_FS)', 'unshare(0x20000)'],
      [
        '/** Makes a terminal as',
        "const pidfdOpen = bind('int pidfd_open(pid_t pid, unsigned int flags)')\nconst KINDS: Record<string, number> = { cgroup: 0x2000000, ipc: 0x8000000, uts: 0x4000000, net: 0x40000000, pid: 0x20000000, mnt: 0x20000 }\n\n/** Makes a terminal as",
      ],
    ],
    instead: {
      join: `
export function join(pid: number, namespaces: string[]): void {
  if (namespaces.some((name) => name === 'mnt')) ownRoot()
  let pidfd: number
  try {
    pidfd = pidfdOpen(pid, 0)
  } catch {
    throw new Error('ENOENT: no such process')
  }
  try {
    setns(pidfd, namespaces.reduce((all, name) => all | (KINDS[name] ?? 0), 0))
  } finally {
    closeSync(pidfd)
  }
}`,
    },
  },
]
