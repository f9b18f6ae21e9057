import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'mount',
  title: 'Mounts of its own',
  minutes: [30, 30],
  needs: [],
  tasks: [
    {
      id: '03.1',
      title: 'make the copied mounts private',
      hints: [
        'The mounts were copied with the namespace, and each copy still belongs to the peer group of its original.',
        'mount(2) also changes the propagation of a mount that is there: MS_PRIVATE, and MS_REC for all below /.',
        'mountCall(null, "/", null, MS_REC | MS_PRIVATE, null)',
      ],
    },
    {
      id: '03.2',
      title: 'swap the root and let go of the old one',
      hints: [
        'chroot(2) moves one process; pivot_root(2) moves the root of the whole mount namespace. It wants a mount.',
        'Bind the folder on itself, enter it, pivot_root(".", "."), unmount what then lies on top, go to the new /.',
        "mountCall(rootfs, rootfs, null, MS_BIND | MS_REC, null)\nprocess.chdir(rootfs)\npivotRoot('.', '.')\numount2('.', MNT_DETACH)\nprocess.chdir('/')",
      ],
    },
    {
      id: '03.3',
      title: 'mount /proc, and /sys read-only',
      hints: [
        'Neither has a disk behind it: the type says what the kernel makes up, and the source is only a label.',
        'Open the place with mountPoint(), then mount(2) with the type "proc", and "sysfs" with MS_RDONLY.',
        "const harmless = MS_NOSUID | MS_NODEV | MS_NOEXEC\nmountPoint(rootfs, '/proc', 'folder', (target) => mountCall('proc', target, 'proc', harmless, null))\nmountPoint(rootfs, '/sys', 'folder', (target) => mountCall('sysfs', target, 'sysfs', harmless | MS_RDONLY, null))",
      ],
    },
    {
      id: '03.4',
      title: 'a /dev of its own',
      hints: [
        'An empty tmpfs, and then only what does no harm. Where do the devices come from? The host has them.',
        'A tmpfs on /dev; each of DEVICES bound to a file of the same name, and made read-only; devpts with newinstance, and another tmpfs on /dev/shm; linkDevices.',
        "mountPoint(rootfs, '/dev', 'folder', (target) => mountCall('tmpfs', target, 'tmpfs', MS_NOSUID, 'mode=755,size=64k'))\nfor (const device of DEVICES) {\n  mountPoint(rootfs, device, 'file', (target) => mountCall(device, target, null, MS_BIND, null))\n  mountPoint(rootfs, device, 'file', readOnly)\n}\nmountPoint(rootfs, '/dev/pts', 'folder', (target) =>\n  mountCall('devpts', target, 'devpts', MS_NOSUID | MS_NOEXEC, terminalOptions()))\nmountPoint(rootfs, '/dev/shm', 'folder', (target) =>\n  mountCall('tmpfs', target, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=1777,size=64m'))\nmountPoint(rootfs, '/dev', 'folder', linkDevices)",
      ],
    },
    {
      id: '03.5',
      title: 'volumes, writable and read-only',
      hints: [
        'A bind mount shows the same files in a second place. Is it read-only if you add MS_RDONLY? Try it.',
        'MS_BIND takes all flags from the source but MS_REC. So call twice: bind, then readOnly() on what lies there now.',
        'mountPoint(rootfs, target, kind, (place) => mountCall(source, place, null, MS_BIND | MS_REC, null))\nif (readonly) mountPoint(rootfs, target, kind, readOnly)',
      ],
    },
  ],
  tour: {
    says: 'A mount namespace has mounts of its own: another root, from which no `..` leads\nout, and its own /proc and /dev.',
    looks: [
      { label: 'mounts', command: 'wc -l < /proc/self/mountinfo' },
      { label: 'processes in ps', command: 'ps -e --no-headers | grep -vc " ps$"' },
    ],
    but: "But ask for its name, and it gives the host's.",
  },
}
