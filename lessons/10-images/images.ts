import { closeSync, createHash, lstatSync, mkdirSync, openSync, readdirSync, readSync } from '#given/fs.ts'
import { CLONE_NEWNS, MS_PRIVATE, MS_REC, mount } from '#given/libc.ts'
import { type Mechanism, notWritten, type Spec } from '#given/mechanism.ts'
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
  return notWritten('10.1 sha256', digest, file)
}

/** What overlayfs is told, as mount(2) takes it: `lowerdir=…,upperdir=…,workdir=…`, and more options. */
export function overlayOptions(union: Union): string {
  const { lower, upper, work, options } = union
  return notWritten('10.2 overlayfs', overlayOptions, union)
}

/** Makes the folders of a container: what it changes, what overlayfs works with, and where its root will be. */
export function makeFolders(rootfs: string, union: Union): void {
  const { upper, work } = union
  notWritten('10.3 mkdir(2)', makeFolders, rootfs, union)
}

/** Mounts the union, where this mount namespace alone sees it. */
export function mountUnion(rootfs: string, options: string): void {
  notWritten('10.4 mount(2)', mountUnion, rootfs, options)
}

/** Removes what makeFolders() made, but for the upper folder where the changes are to be kept. */
export function removeFolders(spec: Spec, union: Union): void {
  const { folder, work, keep } = union
  notWritten('10.5 rmdir(2)', removeFolders, spec, union)
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
  return notWritten('10.6 whiteouts', changes, upper)
}
