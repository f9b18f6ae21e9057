/*
 * Layers with other owners: id-mapped mounts, since Linux 5.12, and overlayfs over them since 5.19.
 */
import { UsageError } from './errors.ts'
import { closeSync, openSync } from './fs.ts'
import { bind, CLONE_FS, CLONE_NEWNS, setns, unshare } from './libc.ts'

const openTree = bind('int open_tree(int dirfd, const char *pathname, unsigned int flags)')
const mountSetattr = bind(
  'int mount_setattr(int dirfd, const char *pathname, unsigned int flags, void *attr, size_t size)',
)
const moveMount = bind(
  'int move_mount(int from_dirfd, const char *from_path, int to_dirfd, const char *to_path, unsigned int flags)',
)
const fchdir = bind('int fchdir(int fd)')

const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOUNT_ATTR_IDMAP = 0x100000
const MOVE_MOUNT_F_EMPTY_PATH = 4

/**
 * Mounts each folder over itself, in the mount namespace of this process, so that who is user 0 of the host there is user
 * 0 of the process's user namespace, and so on: what lies on the disk stays as it is. Only root may.
 *
 * @throws {UsageError} where the folder's file system cannot be mounted like that
 * @see mount_setattr(2), "ID-mapped mounts"
 */
export function giveOwners(pid: number, folders: string[]): void {
  const userns = openSync(`/proc/${pid}/ns/user`, 'r')
  const mounts = folders.map((folder) => withOwners(folder, userns)) // here, where we are root
  inMountsOf(pid, () => {
    for (const [i, folder] of folders.entries())
      moveMount(mounts[i] ?? -1, '', AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH) // and there they are attached
  })
  for (const fd of [...mounts, userns]) closeSync(fd)
}

/** A mount of this folder with the owners of a user namespace, which is attached nowhere as yet. */
function withOwners(folder: string, userns: number): number {
  const mount = openTree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
  const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, BigInt(userns)) // set, clear, propagation, userns
  try {
    mountSetattr(mount, '', AT_EMPTY_PATH, attr, attr.byteLength)
    return mount
  } catch (error) {
    if ((error as { code?: string }).code !== 'EINVAL') throw error
    throw new UsageError(
      `--userns: the file system of ${folder} cannot be mounted with other owners: mount_setattr(2), EINVAL.\n` +
        '  ext4, xfs and btrfs can. Set WORKSHOP_IMAGES to a folder there, or leave out --userns',
      125,
    )
  }
}

/** Does something in the mount namespace of a process, and comes back. */
function inMountsOf(pid: number, work: () => void): void {
  const [theirs, ours, folder] = [`/proc/${pid}/ns/mnt`, '/proc/self/ns/mnt', '.'].map((path) => openSync(path, 'r'))
  unshare(CLONE_FS) // setns(2) wants that no other thread of ours is moved along
  setns(theirs ?? -1, CLONE_NEWNS)
  try {
    work()
  } finally {
    setns(ours ?? -1, CLONE_NEWNS)
    fchdir(folder ?? -1) // setns(2) has made the root our working directory
    for (const fd of [theirs, ours, folder]) closeSync(fd ?? -1)
  }
}
