/*
 * Where to mount inside an image. An image is somebody else's: its /dev may be a symbolic link to a folder of the
 * host, and mount(2) would follow it, as root. So each target is opened first, by a call that refuses symbolic links
 * and cannot leave the image, and mount(2) then gets the opened folder by its name in /proc/self/fd.
 */

import { posix } from 'node:path'
import { UsageError } from './errors.ts'
import { closeSync, fstatSync, statfsSync } from './fs.ts'
import { bind } from './libc.ts'

const O_PATH = 0o10000000
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000
const O_CLOEXEC = 0o2000000
const O_CREAT = 0o100
const O_EXCL = 0o200
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_IN_ROOT = 0x10
const HOW = 24 // struct open_how: flags, mode, resolve, 64 bits each
const PROC_SUPER_MAGIC = 0x9fa0

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const mkdirat = bind('int mkdirat(int dirfd, const char *pathname, mode_t mode)')
const open = bind('int open(const char *pathname, int flags)')

type Kind = 'folder' | 'file'

/**
 * Opens `path` below `rootfs` as a place to mount on, makes it where it is missing, and hands it to `use` as a path
 * for mount(2), `/proc/self/fd/N`. That names what lies there now: after a mount on it, ask again.
 *
 * The descriptor is closed when `use` returns. Left open it would be a way out: `..` from a folder below the old root
 * leads to the old root, even when that is mounted nowhere any more.
 *
 * @throws {SyscallError} ELOOP where a symbolic link is in the way, ENOTDIR where a file is, EROFS where it is missing
 * and cannot be made
 * @throws {UsageError} for `/` itself, and where a folder lies in the place of a file
 * @see openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_SYMLINKS
 */
export function mountPoint<T>(rootfs: string, path: string, kind: Kind, use: (target: string) => T): T {
  const parts = posix.normalize(`/${path}`).split('/').filter(Boolean)
  if (parts.length === 0) throw new UsageError('a mount on / of the image would cover all of it; refused', 125)
  // In a false /proc, self/fd/N could be a symbolic link to anywhere.
  if (statfsSync('/proc').type !== PROC_SUPER_MAGIC) throw new UsageError('/proc of this host is no procfs', 125)
  let fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC)
  try {
    for (const [i, name] of parts.entries()) {
      const inside = `/${parts.slice(0, i + 1).join('/')}`
      const next = openOrMake(fd, name, inside, i === parts.length - 1 ? kind : 'folder')
      closeSync(fd)
      fd = next
    }
    return use(`/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}

function openOrMake(parent: number, name: string, path: string, kind: Kind): number {
  try {
    return openAs(kind, parent, name, path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw explained(error, path)
  }
  try {
    make(kind, parent, name)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw explained(error, path) // another container of this image was first
  }
  return openAs(kind, parent, name, path)
}

/** O_PATH opens a place and not what lies there: a FIFO does not block, a device does not notice. */
function openAs(kind: Kind, parent: number, name: string, path: string): number {
  if (kind === 'folder') return openBeneath(parent, name, O_PATH | O_DIRECTORY)
  const fd = openBeneath(parent, name, O_PATH)
  if (!fstatSync(fd).isDirectory()) return fd
  closeSync(fd)
  throw new UsageError(`${path} in the image is a folder, and a file can be mounted on a file only; refused`, 125)
}

function make(kind: Kind, parent: number, name: string): void {
  if (kind === 'folder') mkdirat(parent, name, 0o755)
  else closeSync(openBeneath(parent, name, O_CREAT | O_EXCL, 0o644))
}

function openBeneath(parent: number, name: string, flags: number, mode = 0): number {
  const how = BigUint64Array.of(BigInt(flags | O_CLOEXEC), BigInt(mode), BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS))
  return openat2(parent, name, how, HOW)
}

const codeOf = (error: unknown) => (error as { code?: string }).code

const REASONS: Record<string, (path: string) => string> = {
  ELOOP: (path) => `${path} is a symbolic link in the image; mounting there is refused`,
  ENOTDIR: (path) => `${path} in the image is no folder; refused`,
  EACCES: (path) => `${path} is missing in the image, and the image is not yours: its owner can make it there`,
  EROFS: (path) => `${path} is missing in the image, and cannot be made there: the image is read-only`,
}

/** The same error, with the sentence that a bare ELOOP lacks. */
function explained(error: unknown, path: string): unknown {
  const reason = REASONS[codeOf(error) ?? '']
  if (error instanceof Error && reason) error.message += `\n  ${reason(path)}`
  return error
}

const AT_FDCWD = -100
const AT_RECURSIVE = 0x8000
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
  const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, 0n) // set, clear, propagation, userns
  mountSetattr(AT_FDCWD, path, AT_RECURSIVE, attr, attr.byteLength)
}
