import type { Right, Wrong } from './wrong.ts'

const MOUNT = '05.2 without a mount namespace'
const QUEUES = '05.2 /dev/mqueue'
const FINDS = '05.3 segment finds'

export const wrong: Wrong[] = [
  {
    name: 'no IPC namespace',
    change: [['flags: CLONE_NEWIPC', 'flags: 0']],
    check: '05.1',
    says: /flags asks for no IPC namespace, so the container sees the host's objects/,
  },
  {
    name: 'a UTS namespace in its place',
    change: [
      ['CLONE_NEWIPC, MS_NODEV', 'CLONE_NEWUTS, MS_NODEV'],
      ['flags: CLONE_NEWIPC', 'flags: CLONE_NEWUTS'],
    ],
    check: '05.1 each namespace',
    says: /the host's limit counts in the container/,
  },
  {
    name: 'a network namespace too',
    change: [
      ['CLONE_NEWIPC, MS_NODEV', 'CLONE_NEWIPC, CLONE_NEWNET, MS_NODEV'],
      ['flags: CLONE_NEWIPC', 'flags: CLONE_NEWIPC | CLONE_NEWNET'],
    ],
    check: '05.1 abstract Unix sockets',
    says: /CLONE_NEWIPC alone/,
  },
  {
    name: 'the queues not mounted',
    change: [["    mount('mqueue', '/dev/mqueue', 'mqueue', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)\n", '']],
    check: QUEUES,
    says: /type mqueue/,
  },
  {
    name: 'a tmpfs in place of the queues',
    change: [["'/dev/mqueue', 'mqueue', MS", "'/dev/mqueue', 'tmpfs', MS"]],
    check: QUEUES,
    says: /a file of the type mqueue is a queue/,
  },
  {
    name: 'a mount that allows programs and devices',
    change: [['MS_NOSUID | MS_NODEV | MS_NOEXEC, null', '0, null']],
    check: QUEUES,
    says: /nothing in there is a program or a device/,
  },
  {
    name: 'the queues mounted, whoever the mounts belong to',
    change: [["    if (!mechanisms.includes('mount')) return // the mount would be the host's\n", '']],
    check: MOUNT,
    says: /is "mount" among spec\.mechanisms|leave it alone/,
  },
  {
    name: 'a segment that is never made',
    change: [['IPC_CREAT | 0o600', '0o600']],
    check: FINDS,
    says: /ENOENT/,
  },
  {
    name: 'a segment that must not be there yet',
    change: [['IPC_CREAT | 0o600', 'IPC_CREAT | 0o2000 | 0o600']],
    check: FINDS,
    says: /EEXIST/,
  },
  {
    name: 'a segment for everybody',
    change: [['IPC_CREAT | 0o600', 'IPC_CREAT | 0o666']],
    check: FINDS,
    says: /yours alone/,
  },
  {
    name: 'a segment without a key: IPC_PRIVATE',
    change: [['shmget(key, size', 'shmget(0 * key, size']],
    check: '05.3 two containers',
    says: /without the namespace it is one segment/,
  },
  {
    name: 'an error swallowed',
    change: [
      [
        'return shmget(key, size, IPC_CREAT | 0o600)',
        'try { return shmget(key, size, IPC_CREAT | 0o600) } catch { return -1 }',
      ],
    ],
    check: FINDS,
    says: /let the error through/,
  },
]

export const right: Right[] = [
  {
    name: 'the condition the other way round, shmget bound where it is called',
    change: [
      ["const shmget = bind('int shmget(key_t key, size_t size, int shmflg)')\n", ''],
      [
        "if (!mechanisms.includes('mount')) return // the mount would be the host's\n    mkdir",
        "if (mechanisms.indexOf('mount') < 0) return\n    const harmless = 2 | 4 | 8\n    mkdir",
      ],
      ['MS_NODEV, MS_NOEXEC, MS_NOSUID, ', ''],
      ['MS_NOSUID | MS_NODEV | MS_NOEXEC, null', 'harmless, null'],
      ["mkdir('/dev/mqueue', 0o755)", "mkdir('/dev/mqueue', 0o700)"],
      ["mount('mqueue', '/dev", "mount('none', '/dev"],
    ],
    instead: {
      segment: `
export const segment = (key: number, size: number): number =>
  bind('int shmget(int key, size_t size, int shmflg)')(key, size, 0o1600)`,
    },
  },
  {
    name: 'first a look, then a new one',
    change: [
      ["    mkdir('/dev/mqueue', 0o755)\n", "    mkdirSync('/dev/mqueue', { recursive: true })\n"],
      ['mkdir, mount }', 'mount }'],
      ['import { bind,', "import { mkdirSync } from 'node:fs'\nimport { bind,"],
    ],
    instead: {
      segment: `
export function segment(key: number, size: number): number {
  try {
    return shmget(key, size, 0o600)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    return shmget(key, size, IPC_CREAT | 0o600)
  }
}`,
    },
  },
]
