import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'images',
  title: 'Layers: one image, many containers',
  minutes: [35],
  needs: ['mount'], // which enters the root that the union is
  fetches: true,
  tasks: [
    {
      id: '10.1',
      title: 'the name of a layer',
      hints: [
        'A name that nobody gives: one computes it from the bytes. sha256sum(1) does it.',
        'createHash() is as in node:crypto: update() takes bytes, digest() gives the sum. readSync(fd, buffer) reads a piece and returns its length, 0 at the end. No encoding: a layer is no text.',
        `const hash = createHash('sha256')\nconst fd = openSync(file, 'r')\nconst piece = Buffer.alloc(1024 * 1024)\nfor (let length = readSync(fd, piece); length > 0; length = readSync(fd, piece)) {\n  hash.update(piece.subarray(0, length))\n}\ncloseSync(fd)\nreturn \`sha256:\${hash.digest('hex')}\``,
      ],
    },
    {
      id: '10.2',
      title: 'what overlayfs is told',
      hints: [
        'See mount -t overlay in the demo: which of the two layers comes first?',
        'lowerdir=A:B puts A over B; `lower` has them the other way round. A \\ before each \\ : and , of a name keeps it whole.',
        `const escape = (path: string) => path.replace(/[\\\\:,]/g, '\\\\$&')\nconst uppermostFirst = lower.toReversed().map(escape).join(':')\nreturn [\`lowerdir=\${uppermostFirst}\`, \`upperdir=\${escape(upper)}\`, \`workdir=\${escape(work)}\`, ...options].join(',')`,
      ],
    },
    {
      id: '10.3',
      title: 'the folders of a container',
      hints: [
        'Three folders, and nothing else is needed for a new container. That is why it starts at once, however big its image.',
        'upper, work and the root, which is where the union will be mounted. The folders above may not exist either.',
        'for (const folder of [upper, work, rootfs]) mkdirSync(folder, { recursive: true })',
      ],
    },
    {
      id: '10.4',
      title: 'mount the union',
      hints: [
        'Lesson 03, task 1: what you mount in a new mount namespace, the host may get as well.',
        "mount(2) twice: all mounts private, then one of the type 'overlay' on rootfs, with the options as its data.",
        "mount(null, '/', null, MS_REC | MS_PRIVATE, null)\nmount('overlay', rootfs, 'overlay', 0, options)",
      ],
    },
    {
      id: '10.5',
      title: 'remove what is left',
      hints: [
        'The mount went with its namespace. The folders did not.',
        'removeTree() removes a folder. `folder` has all of them in it; where the changes are kept, only work and the root go.',
        'const gone = keep ? [work, spec.rootfs] : [folder]\nfor (const one of gone) removeTree(one, spec)',
      ],
    },
    {
      id: '10.6',
      title: 'what a container changed',
      hints: [
        'The demo shows an upper folder with stat. What stands in the place of a file that was removed?',
        'A character device whose rdev is 0 says deleted; a folder for which isOpaque() holds says replaced; all else is written. Go down into folders, and only into those: lstat(2), not stat(2).',
        `const below = (folder: string): Change[] =>\n  readdirSync(upper + folder).flatMap((name) => {\n    const path = \`\${folder}/\${name}\`\n    const stat = lstatSync(upper + path)\n    if (stat.isCharacterDevice() && stat.rdev === 0) return [{ path, kind: 'deleted' }]\n    if (!stat.isDirectory()) return [{ path, kind: 'written' }]\n    return [{ path, kind: isOpaque(upper + path) ? 'replaced' : 'written' }, ...below(path)]\n  })\nreturn below('')`,
      ],
    },
  ],
  tour: {
    says: 'A union of folders for its root: layers that are only read, and one of its own\nthat takes what it writes. One image, many containers.',
    looks: [
      { label: 'its root', command: 'case $(stat -f -c %T /) in overlayfs) echo layers;; *) echo a disk;; esac' },
    ],
    but: 'That was the last piece. The kernel is still one for all: lesson 00.',
  },
}
