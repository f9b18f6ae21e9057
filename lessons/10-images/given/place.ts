import { existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImageError } from './errors.ts'

/** The paths of a store. */
export function paths(root: string) {
  return {
    root,
    blobs: join(root, 'blobs/sha256'),
    layers: join(root, 'layers'),
    users: join(root, 'users'),
    tmp: join(root, 'tmp'),
    index: join(root, 'index.json'),
    lock: join(root, 'lock'),
    indexLock: join(root, 'index.lock'),
  }
}

export type Paths = ReturnType<typeof paths>

const LAYOUT = JSON.stringify({ imageLayoutVersion: '1.0.0' })

/**
 * Makes the folders of a store where they are missing. Nobody else may enter it: among its files are programs that are
 * setuid root, and old ones, which no update mends.
 *
 * @throws {ImageError} BAD_STORE where the folder is somebody else's, or something else
 */
export function makeStore(root: string): Paths {
  const all = paths(root)
  try {
    mkdirSync(root, { recursive: true, mode: 0o711 })
    if (statSync(root).uid !== process.geteuid?.()) throw new Error('it is not yours')
    for (const folder of [all.blobs, all.layers, all.users, all.tmp]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    }
    const layout = join(root, 'oci-layout')
    if (!existsSync(layout)) writeFileSync(layout, LAYOUT)
    const { imageLayoutVersion } = JSON.parse(readFileSync(layout, 'utf8') || LAYOUT)
    if (imageLayoutVersion !== '1.0.0') throw new Error(`its oci-layout says version ${imageLayoutVersion}`)
  } catch (error) {
    throw new ImageError('BAD_STORE', `${root} cannot be a store of images: ${(error as Error).message}`)
  }
  return all
}

/** Opens a folder, to lock it or to write it to disk. */
export const openFolder = (path: string) => openSync(path, 'r')
