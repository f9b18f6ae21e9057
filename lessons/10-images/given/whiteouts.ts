/*
 * How a layer says that something is gone. In a tar: an empty file `.wh.NAME`, and `.wh..wh..opq` in a folder of which
 * nothing below is to be seen. In overlayfs: a character device 0:0, and an attribute of the folder.
 * OCI image-spec, layer.md, "Whiteouts".
 */
import { ImageError } from './errors.ts'

const PREFIX = '.wh.'
const OPAQUE = '.wh..wh..opq'
const META_PREFIX = '.wh..wh.' // aufs, which had the idea, kept its own things under such names

/** What an entry of a layer is to do. */
export type Meaning = { what: 'make' } | { what: 'hide'; name: string } | { what: 'opaque' } | { what: 'nothing' }

/**
 * What an entry means, by its last name.
 *
 * @throws {ImageError} BAD_ARCHIVE for one that would hide `.`, `..` or nothing
 */
export function meaningOf(parts: string[]): Meaning {
  const name = parts.at(-1) ?? ''
  if (parts.slice(0, -1).some((part) => part.startsWith(META_PREFIX))) return { what: 'nothing' }
  if (name === OPAQUE) return { what: 'opaque' }
  if (name.startsWith(META_PREFIX)) return { what: 'nothing' }
  if (!name.startsWith(PREFIX)) return { what: 'make' }
  const hidden = name.slice(PREFIX.length)
  if (['', '.', '..'].includes(hidden)) throw new ImageError('BAD_ARCHIVE', `'${name}' in the archive hides no name`)
  return { what: 'hide', name: hidden }
}

/** The names for a tar. */
export const whiteoutOf = (name: string) => `${PREFIX}${name}`
export const opaqueIn = (folder: string) => (folder === '' ? OPAQUE : `${folder}/${OPAQUE}`)
export const isReserved = (name: string) => name.startsWith(PREFIX)

/** Overlayfs's attributes begin so; `user` where the mount has `userxattr`. */
export type AttributeSpace = 'trusted' | 'user'
export const isOverlayAttribute = (name: string) => /^(trusted|user)\.overlay\./.test(name)
