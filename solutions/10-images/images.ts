import { closeSync, createHash, lstatSync, mkdirSync, openSync, readdirSync, readSync } from '#given/fs.ts'
import { CLONE_NEWNS, MS_PRIVATE, MS_REC, mount } from '#given/libc.ts'
import type { Mechanism, Spec } from '#given/mechanism.ts'
import { giveToContainer, isOpaque, removeTree, type Union, withShortNames } from '#given/union.ts'

/** A root made of layers, of which the container writes to its own alone: overlayfs. */
export const images: Mechanism = {
  name: 'images',
  flags: CLONE_NEWNS, // the union is mounted in the container's own mount namespace, and goes with it
  outside(container) {
    const { rootfs, union } = container.spec
    if (!union) return // a plain folder is its root
    makeFolders(rootfs, union)
    giveToContainer(container, [union.upper, union.work])
  },
  inside({ rootfs, union }) {
    if (union) withShortNames(union, (short) => mountUnion(rootfs, overlayOptions(short))) // one page, and no more
  },
  cleanup({ spec }) {
    if (spec.union) removeFolders(spec, spec.union)
  },
}

/** The name of a layer: `sha256:` and the sum of the file's bytes. Who has other bytes has another name. */
export function digest(file: string): string {
  const hash = createHash('sha256')
  const fd = openSync(file, 'r')
  const piece = Buffer.alloc(1024 * 1024) // a layer may be larger than the memory
  for (let length = readSync(fd, piece); length > 0; length = readSync(fd, piece)) {
    hash.update(piece.subarray(0, length))
  }
  closeSync(fd)
  return `sha256:${hash.digest('hex')}`
}

/** What overlayfs is told, as mount(2) takes it: `lowerdir=…,upperdir=…,workdir=…`, and more options. */
export function overlayOptions({ lower, upper, work, options }: Union): string {
  const escape = (path: string) => path.replace(/[\\:,]/g, '\\$&') // which part options and folders
  const uppermostFirst = lower.toReversed().map(escape).join(':')
  return [`lowerdir=${uppermostFirst}`, `upperdir=${escape(upper)}`, `workdir=${escape(work)}`, ...options].join(',')
}

/** Makes the folders of a container: what it changes, what overlayfs works with, and where its root will be. */
export function makeFolders(rootfs: string, { upper, work }: Union): void {
  for (const folder of [upper, work, rootfs]) mkdirSync(folder, { recursive: true })
}

/** Mounts the union, where this mount namespace alone sees it. */
export function mountUnion(rootfs: string, options: string): void {
  mount(null, '/', null, MS_REC | MS_PRIVATE, null) // first, or the host gets it, too
  mount('overlay', rootfs, 'overlay', 0, options)
}

/** Removes what makeFolders() made, but for the upper folder where the changes are to be kept. */
export function removeFolders(spec: Spec, union: Union): void {
  const gone = union.keep ? [union.work, spec.rootfs] : [union.folder]
  for (const folder of gone) removeTree(folder, spec)
}

/** Something that a container changed in its root. */
export interface Change {
  /** As the container names it: `/etc/motd`. */
  path: string
  /** `replaced`: a folder that hides what the layers have of that name. */
  kind: 'written' | 'deleted' | 'replaced'
}

/** Reads an upper folder as overlayfs leaves it: what is there was written, and two marks say what is there no more. */
export function changes(upper: string): Change[] {
  const below = (folder: string): Change[] =>
    readdirSync(upper + folder)
      .sort()
      .flatMap((name) => {
        const path = `${folder}/${name}`
        const stat = lstatSync(upper + path)
        if (stat.isCharacterDevice() && stat.rdev === 0) return [{ path, kind: 'deleted' }] // a whiteout
        if (!stat.isDirectory()) return [{ path, kind: 'written' }]
        return [{ path, kind: isOpaque(upper + path) ? 'replaced' : 'written' }, ...below(path)]
      })
  return below('')
}
