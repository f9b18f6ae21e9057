import type { Right, Wrong } from './wrong.ts'

const COPY = '03.1 a new mount namespace'
const BOTH = '03.1 what the container mounts'
const LEFT = '03.2 nothing of the host'
const CHROOT = '03.2 the double chroot'
const PROC = '03.3 /proc shows'
const DEVICES = '03.4 the devices work'
const SHARED = '03.4 terminals and shared memory'
const MODE = '03.4 the mode'
const SEEN = '03.5 a folder and a file'
const READ_ONLY = '03.5 a read-only volume'
const BIND = 'mountPoint(rootfs, target, kind, (place) => mountCall(source, place, null, MS_BIND | MS_REC, null))'

export const wrong: Wrong[] = [
  {
    name: 'the mounts stay shared',
    change: [["  mountCall(null, '/', null, MS_REC | MS_PRIVATE, null)\n", '']],
    check: BOTH,
    says: /your container's mounts are on the host too/,
  },
  {
    name: 'the mounts stay shared, as the container sees it',
    change: [["  mountCall(null, '/', null, MS_REC | MS_PRIVATE, null)\n", '']],
    check: COPY,
    says: /MS_PRIVATE cuts the tie/,
  },
  {
    name: 'only the root is private',
    change: [['MS_REC | MS_PRIVATE', 'MS_PRIVATE']],
    check: COPY,
    says: /MS_REC for all mounts below/,
  },
  {
    name: 'a slave of the host',
    change: [
      ['MS_REC | MS_PRIVATE', 'MS_REC | MS_SLAVE'],
      ['  MS_PRIVATE,\n', '  MS_SLAVE,\n'],
    ],
    check: BOTH,
    says: /MS_SLAVE lets them in, MS_PRIVATE does not/,
  },
  {
    name: 'chroot, in place of pivot_root',
    change: [
      [
        "  pivotRoot('.', '.') // the old root now lies on top of the new one\n  umount2('.', MNT_DETACH)\n",
        "  chroot('.')\n",
      ],
      ['  pivotRoot,\n', '  chroot,\n'],
    ],
    check: CHROOT,
    says: /chroot\(2\) keeps the old root, pivot_root\(2\) lets you unmount it/,
  },
  {
    name: 'the old root left where it is',
    change: [["  umount2('.', MNT_DETACH)\n", '']],
    check: LEFT,
    says: /umount2\(2\) with MNT_DETACH|The old root is not unmounted/,
  },
  {
    name: 'the old root unmounted while it is in use',
    change: [["umount2('.', MNT_DETACH)", "umount2('.', 0)"]],
    check: LEFT,
    says: /EBUSY: the old root is in use, so MNT_DETACH/,
  },
  {
    name: 'a root that is no mount',
    change: [['  mountCall(rootfs, rootfs, null, MS_BIND | MS_REC, null) // pivot_root', '  // pivot_root']],
    check: LEFT,
    says: /EINVAL: rootfs is no mount, so bind it on itself first/,
  },
  {
    name: 'the mounts below the root left behind',
    change: [
      ['mountCall(rootfs, rootfs, null, MS_BIND | MS_REC, null)', 'mountCall(rootfs, rootfs, null, MS_BIND, null)'],
    ],
    check: '03.2',
    says: /MS_BIND \| MS_REC/,
  },
  {
    name: 'the working directory left outside',
    change: [
      [
        "  process.chdir(rootfs)\n  pivotRoot('.', '.') // the old root now lies on top of the new one\n  umount2('.', MNT_DETACH)\n  process.chdir('/')\n",
        "  mkdirSync(`${rootfs}/old`, { recursive: true })\n  pivotRoot(rootfs, `${rootfs}/old`)\n  umount2('/old', MNT_DETACH)\n",
      ],
      ['import { DEVICES,', "import { mkdirSync } from 'node:fs'\nimport { DEVICES,"],
    ],
    check: LEFT,
    says: /the working directory is still/,
  },
  {
    name: "the host's /proc",
    change: [
      ["mountCall('proc', target, 'proc', harmless, null)", "mountCall('/proc', target, null, MS_BIND | MS_REC, null)"],
    ],
    check: PROC,
    says: /\/proc shows the host's processes/,
  },
  {
    name: "the host's /sys",
    change: [
      [
        "mountCall('sysfs', target, 'sysfs', harmless | MS_RDONLY, null)",
        "mountCall('/sys', target, null, MS_BIND | MS_REC, null)",
      ],
    ],
    check: PROC,
    says: /the host's sysfs/,
  },
  {
    name: 'a /sys that one may write to',
    change: [['harmless | MS_RDONLY', 'harmless']],
    check: PROC,
    says: /root in the container could write to the kernel through \/sys: MS_RDONLY/,
  },
  {
    name: 'a /proc that may hold programs and devices',
    change: [["'proc', harmless, null", "'proc', 0, null"]],
    check: PROC,
    says: /MS_NOSUID, MS_NODEV, MS_NOEXEC/,
  },
  {
    name: '/proc mounted by its path',
    change: [
      [
        "mountPoint(rootfs, '/proc', 'folder', (target) => mountCall('proc', target, 'proc', harmless, null))",
        "mountCall('proc', `${rootfs}/proc`, 'proc', harmless, null)",
      ],
    ],
    check: '03.3 an image whose /proc',
    says: /you followed: mountPoint\(\) opens no symbolic link/,
  },
  {
    name: "the host's /dev",
    instead: {
      mountDev: `
export function mountDev(rootfs: string): void {
  mountPoint(rootfs, '/dev', 'folder', (target) => mountCall('/dev', target, null, MS_BIND | MS_REC, null))
}`,
    },
    check: DEVICES,
    says: /no device of the host's beyond DEVICES/,
  },
  {
    name: 'a /dev without devices',
    change: [
      ["'/dev', 'tmpfs', MS_NOSUID, 'mode", "'/dev', 'tmpfs', MS_NOSUID | MS_NODEV, 'mode"],
      [
        'mountCall(device, target, null, MS_BIND, null)',
        'mountCall(device, target, null, MS_BIND, null)\n    // as they are',
      ],
    ],
    check: DEVICES,
    says: /MS_NODEV/,
  },
  {
    name: 'no links in /dev',
    change: [["  mountPoint(rootfs, '/dev', 'folder', linkDevices)\n", '']],
    check: DEVICES,
    says: /linkDevices\(\)/,
  },
  {
    name: 'the devices in the /dev of the image',
    change: [["  mountOn('/dev', 'tmpfs', MS_NOSUID, 'mode=755,size=64k')\n", '']],
    check: DEVICES,
    says: /an empty tmpfs|a tmpfs would keep it/,
  },
  {
    name: "the host's terminals",
    change: [
      [
        "mountOn('/dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, terminalOptions())",
        "mountPoint(rootfs, '/dev/pts', 'folder', (target) => mountCall('/dev/pts', target, null, MS_BIND, null))",
      ],
    ],
    check: SHARED,
    says: /mount a devpts of its own/,
  },
  {
    name: 'terminals that root alone may open',
    change: [["'devpts', MS_NOSUID | MS_NOEXEC, terminalOptions()", "'devpts', MS_NOSUID | MS_NOEXEC, null"]],
    check: SHARED,
    says: /terminalOptions/,
  },
  {
    name: "the host's shared memory",
    change: [
      [
        "mountOn('/dev/shm', 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=1777,size=64m')",
        "mountPoint(rootfs, '/dev/shm', 'folder', (target) => mountCall('/dev/shm', target, null, MS_BIND, null))",
      ],
    ],
    check: SHARED,
    says: /mount a tmpfs|no file of the host's \/dev\/shm/,
  },
  {
    name: 'shared memory without a size',
    change: [["'mode=1777,size=64m'", "'mode=1777'"]],
    check: SHARED,
    says: /takes half of the memory, for one container: size=64m/,
  },
  {
    name: 'devices whose mode one may change',
    change: [["    mountPoint(rootfs, device, 'file', readOnly) // data", '    // data']],
    check: MODE,
    says: /the host's own file, with its mode: readOnly\(\)/,
  },
  {
    name: '/dev mounted by its path',
    change: [
      [
        "    mountPoint(rootfs, path, 'folder', (target) => mountCall(type, target, type, flags, data))",
        '    mountCall(type, rootfs + path, type, flags, data)',
      ],
    ],
    check: '03.4 an image whose /dev',
    says: /mountPoint\(\) opens no symbolic link|mounted by a path through the link/,
  },
  {
    name: 'the folder without what is mounted below it',
    change: [
      ['mountCall(source, place, null, MS_BIND | MS_REC, null)', 'mountCall(source, place, null, MS_BIND, null)'],
    ],
    check: SEEN,
    says: /MS_BIND \| MS_REC/,
  },
  {
    name: 'a copy of the folder',
    change: [
      [
        BIND,
        "const copy = (place: string) => kind === 'folder' ? cpSync(source, `${place}/.`, { recursive: true }) : mountCall(source, place, null, MS_BIND, null)\n  mountPoint(rootfs, target, kind, copy)\n  return",
      ],
      ['import { DEVICES,', "import { cpSync } from 'node:fs'\nimport { DEVICES,"],
    ],
    check: SEEN,
    says: /what the container writes must be on the host/,
  },
  {
    name: 'read-only in one call',
    change: [
      [
        'mountCall(source, place, null, MS_BIND | MS_REC, null)',
        'mountCall(source, place, null, MS_BIND | MS_REC | (readonly ? MS_RDONLY : 0), null)',
      ],
      ['  if (readonly) mountPoint(rootfs, target, kind, readOnly)\n', ''],
    ],
    check: READ_ONLY,
    says: /Beside MS_BIND the kernel ignores MS_RDONLY/,
  },
  {
    name: 'read-only by a remount, which leaves those below',
    change: [
      [
        'mountPoint(rootfs, target, kind, readOnly)\n',
        'mountPoint(rootfs, target, kind, (place) => mountCall(null, place, null, MS_BIND | 32 | MS_RDONLY, null))\n',
      ],
    ],
    check: READ_ONLY,
    says: /a remount changes the top mount only/,
  },
  {
    name: 'read-only for all',
    change: [['if (readonly) mountPoint', 'mountPoint']],
    check: SEEN,
    says: /Read-only file system/,
  },
  {
    name: 'a volume mounted by its path',
    change: [
      [
        BIND,
        "mkdirSync(dirname(rootfs + target), { recursive: true })\n  if (kind === 'folder') mkdirSync(rootfs + target, { recursive: true })\n  else if (!existsSync(rootfs + target)) writeFileSync(rootfs + target, '')\n  mountCall(source, rootfs + target, null, MS_BIND | MS_REC, null)",
      ],
      [
        'import { DEVICES,',
        "import { existsSync, mkdirSync, writeFileSync } from 'node:fs'\nimport { dirname } from 'node:path'\nimport { DEVICES,",
      ],
    ],
    check: '03.5 a target behind a symbolic link',
    says: /mountPoint\(\) opens no symbolic link/,
  },
  {
    name: 'an error swallowed',
    change: [[BIND, `try {\n    ${BIND}\n  } catch {\n    return\n  }`]],
    check: '03.5 a target that cannot be',
    says: /is no folder/,
  },
]

export const right: Right[] = [
  {
    name: 'an old root of its own folder, flags as numbers, a device after the other',
    change: [
      ['import { DEVICES,', "import { mkdirSync, rmdirSync } from 'node:fs'\nimport { DEVICES,"],
      ['MS_REC | MS_PRIVATE, null)', "0x4000 | 0x40000, '')"],
    ],
    instead: {
      enterRoot: `
export function enterRoot(rootfs: string): void {
  mountCall(rootfs, rootfs, 'none', MS_BIND | MS_REC, null)
  const old = \`\${rootfs}/.old-\${process.pid}\`
  mkdirSync(old)
  pivotRoot(rootfs, old)
  process.chdir('/')
  umount2(old.slice(rootfs.length), MNT_DETACH)
  rmdirSync(old.slice(rootfs.length))
}`,
      mountDev: `
export function mountDev(rootfs: string): void {
  mountPoint(rootfs, 'dev', 'folder', (dev) => mountCall('none', dev, 'tmpfs', MS_NOSUID | MS_NOEXEC, 'size=1m,mode=0755'))
  mountPoint(rootfs, 'dev', 'folder', (dev) => linkDevices(dev))
  mountPoint(rootfs, 'dev/shm', 'folder', (shm) => mountCall('shm', shm, 'tmpfs', MS_NOSUID | MS_NODEV, 'size=65536k'))
  mountPoint(rootfs, 'dev/pts', 'folder', (pts) => mountCall('devpts', pts, 'devpts', MS_NOSUID, terminalOptions()))
  DEVICES.forEach((device) => {
    const bind = (place: string) => mountCall(device, place, null, MS_BIND | MS_REC, null)
    mountPoint(rootfs, device, 'file', bind)
    mountPoint(rootfs, device, 'file', (place) => readOnly(place))
  })
}`,
      bindVolume: `
export function bindVolume(rootfs: string, volume: Volume): void {
  const calls = [(place: string) => mountCall(volume.source, place, '', MS_REC | MS_BIND, '')]
  if (volume.readonly) calls.push(readOnly)
  for (const call of calls) mountPoint(rootfs, volume.target, volume.kind, call)
}`,
    },
  },
  {
    name: 'slaves first, then private; the devices made read-only together; /sys read-only in a second call',
    change: [
      [
        "mountCall(null, '/', null, MS_REC | MS_PRIVATE, null)",
        "mountCall('none', '/', null, MS_REC | (1 << 19), null)\n  mountCall('none', '/', null, MS_REC | MS_PRIVATE, null)",
      ],
      [
        "mountCall('sysfs', target, 'sysfs', harmless | MS_RDONLY, null))",
        "mountCall('none', target, 'sysfs', harmless, null))\n  mountPoint(rootfs, '/sys', 'folder', readOnly)",
      ],
      [
        "  pivotRoot('.', '.') // the old root now lies on top of the new one\n  umount2('.', MNT_DETACH)\n  process.chdir('/')\n",
        "  pivotRoot('.', '.')\n  process.chdir('/')\n  umount2('/', MNT_DETACH)\n  process.chdir('/')\n",
      ],
      [
        "    mountPoint(rootfs, device, 'file', readOnly) // data still goes through, but no chmod reaches the host's device\n",
        '',
      ],
      [
        "  mountPoint(rootfs, '/dev', 'folder', linkDevices)\n",
        "  mountPoint(rootfs, '/dev', 'folder', linkDevices)\n  for (const device of DEVICES) mountPoint(rootfs, device, 'file', readOnly)\n",
      ],
      ["'mode=755,size=64k'", "'mode=755'"],
    ],
  },
]
