/*
 * Extended attributes: what a file system notes beside a file. Node has no call for them. xattr(7)
 */
import { bind } from './libc.ts'

const lgetxattr = bind('ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)')
const NONE = ['ENODATA', 'EOPNOTSUPP', 'EPERM']

/** An extended attribute of a file, or of the symbolic link itself; undefined where it has none of that name. */
export function attribute(path: string, name: string): string | undefined {
  const value = Buffer.alloc(64)
  try {
    return value.toString('latin1', 0, lgetxattr(path, name, value, value.length))
  } catch (error) {
    if (NONE.includes((error as { code?: string }).code ?? '')) return undefined
    throw error
  }
}

/** Has overlayfs marked this folder of an upper layer as opaque? Then what lies below it in other layers is not seen. */
export function isOpaque(folder: string): boolean {
  return ['trusted', 'user'].some((kind) => attribute(folder, `${kind}.overlay.opaque`) === 'y')
}
