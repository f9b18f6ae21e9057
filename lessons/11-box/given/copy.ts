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
import { load } from '#given/stack.ts'
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
    const place = { root: this.#root, folder: posix.resolve('/', folder), mask: 0o7777 }
    return unpackIn(place, chunks, this.#userns)
  }

  /** Unpacks into a folder of the host. All is the caller's then, and no program runs as him for others. */
  async unpackOutside(folder: string, chunks: Bytes): Promise<boolean> {
    const root = openSync(folder, O_PATH | O_CLOEXEC)
    try {
      // Who is not root is root in the container's user namespace, and chroot(2) takes that.
      return await unpackIn(
        { root, folder: '/', mask: 0o777 },
        chunks,
        process.getuid?.() === 0 ? undefined : this.#userns,
      )
    } finally {
      closeSync(root)
    }
  }

  /** The container, where it has a user namespace. */
  get #userns(): Entry | undefined {
    return this.#entry.container.spec.mechanisms.includes('user') ? this.#entry : undefined
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

interface Place {
  /** Open: the root of what unpacks. */
  root: number
  folder: string
  /** The permissions that are left. */
  mask: number
}

/**
 * Has a tar unpacked by a process that is locked in. False where that did not go well; it has said why.
 *
 * @param userns the container whose user namespace it is in: overlayfs there takes no file of a user that it does not know
 */
async function unpackIn(place: Place, chunks: Bytes, userns: Entry | undefined): Promise<boolean> {
  const ends = new Int32Array(2)
  pipe2(ends, O_CLOEXEC)
  const [from = -1, to = -1] = ends
  const child = clone(0, [...(userns ? await entering(userns) : []), ...unpacker(place, from)])
  closeSync(from)
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream('', { fd: to }))
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') throw error // it has ended, and says why
  } finally {
    await readable(child.pidfd)
    closeSync(child.pidfd)
  }
  const code = exitCode(waitpid(child.pid)?.status ?? 0)
  if (code > 1) throw new Error(`what unpacks ended with exit code ${code}`)
  return code === 0
}

/** Enters a user namespace and becomes root there. */
async function entering({ container, layers }: Entry): Promise<Call[]> {
  const user = layers.find(({ name }) => name === 'user')
  const file = openSync(`/proc/${container.pid}/ns/user`, O_CLOEXEC)
  return [['setns', file, CLONE_NEWUSER], ...((user && (await load(user)).early?.()) ?? [])]
}

/** What becomes the unpacker. */
function unpacker({ root, folder, mask }: Place, from: number): Call[] {
  const node = process.execPath
  const file = new URL('unpacker.ts', import.meta.url).pathname
  return [
    ['dup2', from, 0],
    ...[1, 2].map((fd): Call => ['fcntl', fd, F_SETFD, 0]),
    ['dup2', root, ROOT],
    ['fcntl', ROOT, F_SETFD, 0],
    ['close_range', ROOT + 1, ALL, 0],
    ['prctl', PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    ['execve', node, [node, '--no-warnings', file, folder, String(mask)], ['PATH=/usr/bin:/bin']],
  ]
}
