/*
 * Where to mount inside an image. An image is somebody else's: its /dev may be a symbolic link to a folder of the
 * host, and mount(2) would follow it, as root. So each target is opened first, by a call that refuses symbolic links
 * and cannot leave the image, and mount(2) then gets the opened folder by its name in /proc/self/fd.
 */
import { closeSync } from 'node:fs'
import { bind } from './libc.ts'

const O_PATH = 0o10000000
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000
const O_CLOEXEC = 0o2000000
const O_CREAT = 0o100
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_IN_ROOT = 0x10
const HOW = 24 // struct open_how: flags, mode, resolve, 64 bits each

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const mkdirat = bind('int mkdirat(int dirfd, const char *pathname, mode_t mode)')
const open = bind('int open(const char *pathname, int flags)')

/**
 * Opens `path` below `rootfs` as a place to mount on, and makes it where it is missing.
 *
 * @returns a path for mount(2), `/proc/self/fd/N`. It names what lies there now: after a mount on it, ask again
 * @throws {SyscallError} ELOOP where a symbolic link is in the way, ENOTDIR where a file is
 * @see openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_SYMLINKS
 */
export function mountPoint(rootfs: string, path: string, kind: 'folder' | 'file' = 'folder'): string {
  const parts = path.split('/').filter(Boolean)
  let fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC)
  parts.forEach((_, i) => {
    const isFile = kind === 'file' && i === parts.length - 1
    const inside = `/${parts.slice(0, i + 1).join('/')}`
    const next = isFile ? openFile(fd, inside, parts[i] ?? '') : openFolder(fd, inside, parts[i] ?? '')
    closeSync(fd)
    fd = next
  })
  return `/proc/self/fd/${fd}`
}

function openFolder(parent: number, path: string, name: string): number {
  try {
    return openBeneath(parent, name, O_PATH | O_DIRECTORY)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw refuse(path, error)
    mkdirat(parent, name, 0o755)
    return openBeneath(parent, name, O_PATH | O_DIRECTORY)
  }
}

function openFile(parent: number, path: string, name: string): number {
  try {
    closeSync(openBeneath(parent, name, O_CREAT, 0o644))
  } catch (error) {
    // EROFS and the like: it may be there all the same, and open below
    if ((error as { code?: string }).code === 'ELOOP') throw refuse(path, error)
  }
  return openBeneath(parent, name, O_PATH)
}

function openBeneath(parent: number, name: string, flags: number, mode = 0): number {
  const how = BigUint64Array.of(BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS))
  return openat2(parent, name, how, HOW)
}

/** The same error, with the sentence that a bare ELOOP lacks. */
function refuse(path: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code } = error as { code?: string }
  if (code === 'ELOOP') error.message += `\n  ${path} is a symbolic link in the image; mounting there is refused`
  if (code === 'ENOTDIR')
    error.message += `\n  ${path} in the image is a symbolic link or a file, not a folder; refused`
  return error
}

const AT_RECURSIVE = 0x8000
const AT_EMPTY_PATH = 0x1000
const MOUNT_ATTR_RDONLY = 0x1

const mountSetattr = bind(
  'int mount_setattr(int dirfd, const char *pathname, unsigned int flags, void *attr, size_t size)',
)

/**
 * Makes a mount and all that is mounted below it read-only. A remount would leave those below writable.
 *
 * @throws {SyscallError} EINVAL where `path` is no mount
 * @see mount_setattr(2)
 */
export function readOnly(path: string): void {
  const fd = open(path, O_PATH | O_CLOEXEC)
  try {
    const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, 0n) // set, clear, propagation, userns
    mountSetattr(fd, '', AT_EMPTY_PATH | AT_RECURSIVE, attr, attr.byteLength)
  } finally {
    closeSync(fd)
  }
}
