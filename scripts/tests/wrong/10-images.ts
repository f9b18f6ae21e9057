import type { Right, Wrong } from './wrong.ts'

const MOUNT = "mount('overlay', rootfs, 'overlay', 0, options)"

export const wrong: Wrong[] = [
  {
    name: 'a layer read as text',
    change: [['hash.update(piece.subarray(0, length))', "hash.update(piece.toString('utf8', 0, length))"]],
    check: '10.1',
    says: /of the bytes of \/run\/binary as they are/,
  },
  {
    name: 'all of the buffer, however much was read',
    change: [['hash.update(piece.subarray(0, length))', 'hash.update(piece)']],
    check: '10.1',
    says: /of the bytes of \/run\/\w+ as they are/,
  },
  {
    name: 'a sum in base64',
    change: [["hash.digest('hex')", "hash.digest('base64')"]],
    check: '10.1',
    says: /sha256: and 64 digits/,
  },
  {
    name: 'the name of the file, too',
    change: [["const hash = createHash('sha256')", "const hash = createHash('sha256').update(file)"]],
    check: '10.1',
    says: /sha256:/,
  },
  {
    name: 'the lowest layer first',
    change: [['lower.toReversed()', 'lower']],
    check: '10.2 the container sees',
    says: /`lower` begins with the lowest/,
  },
  {
    name: 'a comma between the layers',
    change: [["map(escape).join(':')", "map(escape).join(',')"]],
    check: '10.2 the container sees',
    says: /lowerdir=|EINVAL/,
  },
  {
    name: 'nothing escaped',
    change: [["path.replace(/[\\\\:,]/g, '\\\\$&')", 'path']],
    check: '10.2 a folder',
    says: /a \\ goes before each/,
  },
  {
    name: 'commas alone escaped',
    change: [["path.replace(/[\\\\:,]/g, '\\\\$&')", "path.replace(/,/g, '\\\\,')"]],
    check: '10.2 a folder',
    says: /a \\ goes before each/,
  },
  {
    name: 'the other options forgotten',
    change: [[', ...options].join', '].join']],
    check: '10.2 more options',
    says: /`options` go behind the others/,
  },
  {
    name: 'no upper folder: read-only',
    change: [['`upperdir=${escape(upper)}`, `workdir=${escape(work)}`, ', '']],
    check: '10.4 what the container writes',
    says: /Read-only file system|it may write to its root|EROFS/,
  },
  {
    name: 'the folders above taken for granted',
    change: [['mkdirSync(folder, { recursive: true })', 'mkdirSync(folder)']],
    check: '10.3',
    says: /ENOENT[\s\S]*The folders above may not exist either/,
  },
  {
    name: 'work forgotten',
    change: [['[upper, work, rootfs]', '[upper, rootfs]']],
    check: '10.3',
    says: /there is no folder .*work: makeFolders\(\) makes it/,
  },
  {
    name: 'work in the upper folder’s place',
    change: [['[upper, work, rootfs]', '[upper, rootfs, `/dev/shm/${work.replaceAll("/", "-")}`]']],
    check: '10.3',
    says: /there is no folder .*work/,
  },
  {
    name: 'work elsewhere, behind a link',
    change: [
      [
        'for (const folder of [upper, work, rootfs]) mkdirSync(folder, { recursive: true })',
        "for (const folder of [upper, rootfs, '/dev/shm/work']) mkdirSync(folder, { recursive: true })\n  process.getBuiltinModule('node:fs').symlinkSync('/dev/shm/work', work)",
      ],
    ],
    check: '10.3',
    says: /work is on the same file system as upper|EINVAL/,
  },
  {
    name: 'one upper folder for all',
    change: [
      ['    makeFolders(rootfs, union)\n', "    union.upper = '/run/private/upper'\n    makeFolders(rootfs, union)\n"],
    ],
    check: '10.4 two containers',
    says: /each has an upper folder of its own|EBUSY/,
  },
  {
    name: 'the layer bound in place of a union',
    change: [[MOUNT, "mount(options.match(/lowerdir=([^:,]*)/)?.[1] ?? '', rootfs, null, 4096, null)"]],
    check: '10.4 the host',
    says: /no overlay|no such command|had written/,
  },
  {
    name: 'the uppermost layer as upper folder',
    change: [
      ['lower.toReversed()', 'lower.slice(0, -1).toReversed()'],
      ['`upperdir=${escape(upper)}`', "`upperdir=${escape(lower.at(-1) ?? '')}`"],
    ],
    check: '10.4 what the container writes',
    says: /upper\/srv\/new: No such file/,
  },
  {
    name: 'MS_PRIVATE forgotten',
    change: [["  mount(null, '/', null, MS_REC | MS_PRIVATE, null) // first, or the host gets it, too\n", '']],
    check: '10.4 the host',
    says: /the union is mounted on the host: first make all mounts private/,
  },
  {
    name: 'long names in place of short ones',
    change: [['=> path.replace(', "=> process.getBuiltinModule('node:fs').realpathSync(path).replace("]],
    check: '10.4 an image may',
    says: /`lower` has short names here/,
  },
  {
    name: 'trusted attributes, whoever mounts',
    change: [['...options]', "...options.filter((option) => option !== 'userxattr')]"]],
    check: '10.4 the same without root',
    says: /root of the user namespace mounts it|EPERM|cannot/,
  },
  {
    name: 'nothing removed',
    change: [['  for (const folder of gone) removeTree(folder, spec)', '  void gone']],
    check: '10.5 when the container',
    says: /all of its folder: upper, work and root/,
  },
  {
    name: 'only empty folders removed',
    change: [['removeTree(folder, spec)', "process.getBuiltinModule('node:fs').rmdirSync(folder)"]],
    check: '10.5 when the container',
    says: /ENOTEMPTY[\s\S]*removeTree\(\) removes a folder that is not empty/,
  },
  {
    name: 'the changes removed that were to be kept',
    change: [['union.keep ? [union.work, spec.rootfs] : [union.folder]', '[union.folder]']],
    check: '10.5 what is to be kept',
    says: /`keep`: upper stays|No such file/,
  },
  {
    name: 'the changes kept, and all the rest',
    change: [['union.keep ? [union.work, spec.rootfs] : [union.folder]', 'union.keep ? [] : [union.folder]']],
    check: '10.5 what is to be kept',
    says: /`keep`: upper stays, and the rest goes/,
  },
  {
    name: 'removed once only',
    change: [
      [
        '  for (const folder of gone) removeTree(folder, spec)',
        '  for (const folder of gone) {\n    lstatSync(folder)\n    removeTree(folder, spec)\n  }',
      ],
    ],
    check: '10.5 another process',
    says: /a second time there is nothing to do/,
  },
  {
    name: 'every device a whiteout',
    change: [['stat.isCharacterDevice() && stat.rdev === 0', 'stat.isCharacterDevice()']],
    check: '10.6 a device',
    says: /st_rdev tells which device/,
  },
  {
    name: 'whiteouts are files like others',
    change: [
      [
        "        if (stat.isCharacterDevice() && stat.rdev === 0) return [{ path, kind: 'deleted' }] // a whiteout\n",
        '',
      ],
    ],
    check: '10.6 changes',
    says: /a character device 0, 0 in the place of what was deleted/,
  },
  {
    name: 'opaque folders are folders like others',
    change: [["isOpaque(upper + path) ? 'replaced' : 'written'", "'written'"]],
    check: '10.6 changes',
    says: /isOpaque\(\)/,
  },
  {
    name: 'the uppermost folder alone',
    change: [["'replaced' : 'written' }, ...below(path)]", "'replaced' : 'written' }]"]],
    check: '10.6 changes',
    says: /was written/,
  },
  {
    name: 'symbolic links followed',
    change: [
      [
        'const stat = lstatSync(upper + path)',
        "const stat = process.getBuiltinModule('node:fs').statSync(upper + path)",
      ],
    ],
    check: '10.6 changes',
    says: /ENOENT|ELOOP|not followed|ENAMETOOLONG|EACCES|ended its process|still running|stack/,
  },
  {
    name: 'paths of the host',
    change: [["  return below('')", "  return below('').map((change) => ({ ...change, path: upper + change.path }))"]],
    check: '10.6 changes',
    says: /was written/,
  },
]

export const right: Right[] = [
  {
    name: 'all of a file at once, options by concatenation, a stack of folders',
    change: [
      [
        "import { closeSync, createHash, lstatSync, mkdirSync, openSync, readdirSync, readSync } from '#given/fs.ts'",
        "import { createHash } from 'node:crypto'\nimport { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'",
      ],
    ],
    instead: {
      digest: `
export function digest(file: string): string {
  return 'sha256:' + createHash('sha256').update(readFileSync(file)).digest('hex')
}`,
      overlayOptions: `
export function overlayOptions(union: Union): string {
  const quote = (path: string) => [...path].map((letter) => ('\\\\:,'.includes(letter) ? '\\\\' + letter : letter)).join('')
  let folders = ''
  for (const layer of union.lower) folders = quote(layer) + (folders && ':') + folders
  let text = 'upperdir=' + quote(union.upper) + ',workdir=' + quote(union.work) + ',lowerdir=' + folders
  for (const option of union.options) text += ',' + option
  return text
}`,
      makeFolders: `
export function makeFolders(rootfs: string, union: Union): void {
  mkdirSync(union.folder, { recursive: true, mode: 0o711 })
  for (const path of [union.upper, union.work, rootfs]) mkdirSync(path, 0o700)
}`,
      removeFolders: `
export function removeFolders(spec: Spec, union: Union): void {
  removeTree(union.work, spec)
  removeTree(spec.rootfs, spec)
  if (!union.keep) removeTree(union.folder, spec)
}`,
      changes: `
export function changes(upper: string): Change[] {
  const found: Change[] = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(upper + folder, { withFileTypes: true })) {
      const path = [folder, entry.name].join('/')
      if (entry.isDirectory()) {
        folders.push(path)
        found.push({ path, kind: isOpaque(upper + path) ? 'replaced' : 'written' })
      } else if (entry.isCharacterDevice() && lstatSync(upper + path).rdev === 0) found.push({ path, kind: 'deleted' })
      else found.push({ path, kind: 'written' })
    }
  }
  return found
}`,
    },
  },
  {
    name: 'slave in place of private, types by their bits',
    change: [
      [
        "import { closeSync, createHash, lstatSync, mkdirSync, openSync, readdirSync, readSync } from '#given/fs.ts'",
        "import { createHash } from 'node:crypto'\nimport { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs'",
      ],
    ],
    instead: {
      digest: `
export function digest(file: string): string {
  const fd = openSync(file, 'r')
  try {
    const hash = createHash('sha256')
    for (const piece = new Uint8Array(65536); ; ) {
      const length = readSync(fd, piece, 0, piece.length, null)
      if (length === 0) return 'sha256:' + hash.digest('hex')
      hash.update(piece.slice(0, length))
    }
  } finally {
    closeSync(fd)
  }
}`,
      mountUnion: `
export function mountUnion(rootfs: string, options: string): void {
  mount('none', '/', 'none', MS_REC | (MS_PRIVATE * 2), '') // MS_SLAVE: what comes from the host comes, nothing goes there
  mount('none', rootfs, 'overlay', 0, options)
}`,
      changes: `
export function changes(upper: string): Change[] {
  const found: Change[] = []
  const walk = (path: string, marks: { dir: boolean; gone: boolean }) => {
    const opaque = marks.dir && isOpaque(upper + path)
    if (path !== '') found.unshift({ path, kind: marks.gone ? 'deleted' : opaque ? 'replaced' : 'written' })
    if (!marks.dir) return
    readdirSync(upper + path).forEach((name) => {
      const { mode, rdev } = lstatSync(upper + path + '/' + name)
      const type = mode & 0o170000
      walk(path + '/' + name, { dir: type === 0o040000, gone: type === 0o020000 && !rdev })
    })
  }
  walk('', { dir: true, gone: false })
  return found
}`,
    },
  },
]
