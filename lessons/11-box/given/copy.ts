/*
 * Copies files to and from a container that runs, as tars: what packs (lesson 10) opens each folder by its descriptor and
 * follows no link, what unpacks is locked into where it writes: unpacker.ts.
 */
import { createWriteStream } from 'node:fs'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { readable } from '#given/channel.ts'
import { type Call, clone } from '#given/clone.ts'
import { UsageError } from '#given/errors.ts'
import { closeSync, lstatSync, openSync } from '#given/fs.ts'
import { bind, CLONE_NEWUSER, exitCode, PR_SET_PDEATHSIG, waitpid } from '#given/libc.ts'
import type { Entry } from '#given/running.ts'
import { Beneath, splitPath } from '../../10-images/given/beneath.ts'
import type { Bytes } from '../../10-images/given/digest.ts'
import { pack, packOne } from '../../10-images/given/pack.ts'
import { ended, lives, openContainer } from './lives.ts'
import { ROOT } from './unpacker.ts'

const pipe2 = bind('int pipe2(int *pipefd, int flags)')
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const F_SETFD = 2
const ALL = 0xffffffff
const SIGKILL = 9

/** The files of a container that runs. */
export class Files {
  readonly #entry: Entry
  readonly #root: number
  readonly #beneath: Beneath

  private constructor(entry: Entry, root: number) {
    this.#entry = entry
    this.#root = root
    this.#beneath = new Beneath(`/proc/self/fd/${root}`)
  }

  /** @throws {UsageError} where it has ended or is paused */
  static async open(entry: Entry): Promise<Files> {
    const pidfd = await openContainer(entry)
    try {
      const root = openSync(`/proc/${entry.container.pid}/root`, O_PATH | O_CLOEXEC)
      if (lives(pidfd)) return new Files(entry, root)
      closeSync(root)
      throw ended(entry)
    } finally {
      closeSync(pidfd)
    }
  }

  isFolder(path: string): boolean {
    try {
      this.#beneath.place([...parts(path), '.'])
      return true
    } catch (error) {
      if ((error as { code?: string }).code === 'BAD_ARCHIVE') return false
      throw error
    }
  }

  /** A path of the host to what the container calls `path`, for calls that do not follow its last name. */
  place(path: string): string {
    const { name } = this.#entry.container.spec
    try {
      const place = this.#beneath.place(parts(path))
      lstatSync(place)
      return place
    } catch (error) {
      if (!['BAD_ARCHIVE', 'ENOENT'].includes((error as { code?: string }).code ?? '')) throw error
      throw new UsageError(`there is no ${path} in '${name}'`, 125)
    }
  }

  /** The tar of something of the container's. */
  pack(path: string, how: How): Bytes {
    const { ids, mechanisms } = this.#entry.container.spec
    return tarOf(this.place(path), { ...how, ...(mechanisms.includes('user') ? { ids } : {}) })
  }

  /** Unpacks into a folder of the container's. All is its root's then. */
  unpack(folder: string, chunks: Bytes): Promise<boolean> {
    const { ids, mechanisms } = this.#entry.container.spec
    const own = mechanisms.includes('user') && process.getuid?.() === 0 // root needs no user namespace, but its numbers
    const [uid, gid] = [ids.uids, ids.gids].map((ranges) => ranges.find(({ inside }) => inside === 0)?.outside ?? 0)
    const owner = own ? { uid: uid ?? 0, gid: gid ?? 0 } : { uid: 0, gid: 0 }
    return unpackIn(this.#entry, this.#root, posix.resolve('/', folder), { ...owner, mask: 0o7777 }, chunks)
  }

  /** Unpacks into a folder of the host. All is the caller's then, and nobody's program runs as him. */
  unpackOutside(folder: string, chunks: Bytes): Promise<boolean> {
    const root = openSync(folder, O_PATH | O_CLOEXEC)
    const isRoot = process.getuid?.() === 0
    const owner = isRoot ? { uid: 0, gid: process.getgid?.() ?? 0 } : { uid: 0, gid: 0 } // in his namespace he is root
    return unpackIn(this.#entry, root, '/', { ...owner, mask: 0o777 }, chunks).finally(() => closeSync(root))
  }

  close(): void {
    this.#beneath.close()
    closeSync(this.#root)
  }
}

const parts = (path: string) => splitPath(posix.resolve('/', path))

interface How {
  /** What it is called in the tar; without, it is a folder of which only what is in it goes there. */
  name?: string | undefined
  warn?: (message: string) => void
}

/** The tar of something at a place: beneath.ts. */
export function tarOf(place: string, { name, ...options }: How & Parameters<typeof pack>[1]): Bytes {
  return name === undefined ? pack(place, { ...options, from: 'plain' }) : packOne(place, name, options)
}

interface Owner {
  uid: number
  gid: number
  /** The permissions that are left. */
  mask: number
}

/** Has a tar unpacked by a process whose root is `root`. False where that did not go well; it has said why. */
async function unpackIn(entry: Entry, root: number, folder: string, owner: Owner, chunks: Bytes): Promise<boolean> {
  const ends = new Int32Array(2)
  pipe2(ends, O_CLOEXEC)
  const [from = -1, to = -1] = ends
  const child = clone(0, unpacker(entry, { from, root }, [folder, owner.uid, owner.gid, owner.mask].map(String)))
  closeSync(from)
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream('', { fd: to }))
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') throw error // it has ended, and says why
  } finally {
    await readable(child.pidfd)
    closeSync(child.pidfd)
  }
  return exitCode(waitpid(child.pid)?.status ?? 0) === 0
}

/** What becomes the unpacker. Who is not root is root in the container's user namespace, and chroot(2) takes that. */
function unpacker({ container }: Entry, { from, root }: { from: number; root: number }, args: string[]): Call[] {
  const joins = container.spec.mechanisms.includes('user') && process.getuid?.() !== 0
  const userns = joins ? openSync(`/proc/${container.pid}/ns/user`, O_CLOEXEC) : -1
  const node = process.execPath
  const file = new URL('unpacker.ts', import.meta.url).pathname
  return [
    ...(joins ? [['setns', userns, CLONE_NEWUSER] satisfies Call] : []),
    ['dup2', from, 0],
    ...[1, 2].map((fd): Call => ['fcntl', fd, F_SETFD, 0]),
    ['dup2', root, ROOT],
    ['fcntl', ROOT, F_SETFD, 0],
    ['close_range', ROOT + 1, ALL, 0],
    ['prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    ['execve', node, [node, '--no-warnings', file, ...args], ['PATH=/usr/bin:/bin']],
  ]
}
