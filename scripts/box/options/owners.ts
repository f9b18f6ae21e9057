import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { olderThan } from '#given/kernel.ts'
import { containersFolder } from '#given/union.ts'
import type { Store } from '../../../lessons/10-images/given/interface.ts'

// For root's --userns: what is root's belongs to nobody in there, unless it is mounted with other owners.

/** Can overlayfs have layers with other owners, and may we mount them? */
const canOverlay = () => process.getuid?.() === 0 && !olderThan(5, 19)

/**
 * The folders to be mounted with other owners, for these layers of an image. The one with all layers is root's alone, and
 * would let nobody through: so it is that one.
 *
 * @throws {UsageError} where that cannot be, or it is somebody else
 */
export function foldersToMap({ root }: Store, lower: string[]): string[] {
  const layers = `${root}/layers`
  if (canOverlay()) {
    mustReach(root)
    return [...new Set(lower.map((folder) => (folder.startsWith(`${layers}/`) ? layers : folder)))]
  }
  const kernel = process.getuid?.() === 0 ? '. Linux 5.19 can give them to another' : ''
  throw new UsageError(
    `--userns: the layers of an image belong to root, who is nobody in this container's user namespace${kernel}.\n` +
      '  Without --userns, or as another user, who has images of his own, it works',
    125,
  )
}

/** File systems that can be mounted with other owners: their number in statfs(2), and since which Linux. */
const FILE_SYSTEMS = new Map([
  [0xef53, [5, 12]], // ext4
  [0x58465342, [5, 12]], // xfs
  [0x9123683e, [5, 15]], // btrfs
  [0x01021994, [6, 3]], // tmpfs
])

/**
 * Can this folder be a layer with other owners?
 *
 * @throws {UsageError} where a folder above it is closed
 */
export function canMap(folder: string): boolean {
  if (!canOverlay()) return false
  mustReach(dirname(folder))
  mustReach(dirname(containersFolder()))
  const [major = Number.POSITIVE_INFINITY, minor = 0] = FILE_SYSTEMS.get(statfsSync(folder).type) ?? []
  return !olderThan(major, minor)
}

/** On the way to its layers, and to what it changes, the root of the container is one of the others. */
function mustReach(path: string): void {
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false }) // it may have to be made yet
    if (stat && (stat.mode & 0o001) === 0) {
      throw new UsageError(
        `--userns: ${folder} is closed to others, and outside, the root of the container is one of them.\n` +
          `  chmod o+x ${folder}, or take a folder elsewhere`,
        125,
      )
    }
    if (folder === '/') return
  }
}
