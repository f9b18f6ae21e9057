/*
 * Opens folders below a folder, and never anything else. A tar is somebody else's: one entry makes `lib` a link to /etc,
 * the next writes lib/passwd. For openat2(2) with RESOLVE_IN_ROOT the folder is `/`: absolute links begin there, and `..`
 * ends there.
 */
import { closeSync, statfsSync } from 'node:fs'
import { bind } from '#given/libc.ts'
import { ImageError } from './errors.ts'

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const open = bind('int open(const char *pathname, int flags)')

const ARM = process.arch === 'arm64'
const O_DIRECTORY = ARM ? 0o40000 : 0o200000
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_IN_ROOT = 0x10
const HOW = BigUint64Array.of(
  BigInt(O_PATH | O_DIRECTORY | O_CLOEXEC),
  0n,
  BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
)
const PROC_SUPER_MAGIC = 0x9fa0
const PATIENCE = 1000

/** The folders below one folder. */
export class Beneath {
  readonly #root: number
  #last: { path: string; fd: number } | undefined

  /** @param root a path that we trust */
  constructor(root: string) {
    // In a false /proc, self/fd/N could be a symbolic link to anywhere.
    if (statfsSync('/proc').type !== PROC_SUPER_MAGIC) throw new ImageError('FAILED', '/proc of this host is no procfs')
    this.#root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)
  }

  /** The folder itself, for such calls. */
  get root(): string {
    return `/proc/self/fd/${this.#root}`
  }

  /**
   * A path for calls that leaves open only the last name: /proc/self/fd/N/NAME. A call that follows no link at its end
   * stays in that folder, whatever happens to the tree meanwhile. Holds until the next call.
   *
   * @param parts what splitPath made
   * @param make makes a folder of the way that is missing, at such a path
   * @throws {ImageError} BAD_ARCHIVE where the way is missing and not made
   */
  place(parts: string[], make?: (place: string, way: string[]) => void): string {
    if (parts.length < 2) this.forget() // what is made there may change where paths lead
    return `/proc/self/fd/${this.#folder(parts.slice(0, -1), make)}/${parts.at(-1) ?? '.'}`
  }

  /** The descriptor of a folder. It stays this object's. */
  #folder(way: string[], make?: (place: string, way: string[]) => void): number {
    const path = way.join('/')
    if (path === '') return this.#root
    if (this.#last?.path === path) return this.#last.fd
    let fd = this.#tryOpen(path)
    if (fd === undefined && make) {
      make(this.place(way, make), way)
      fd = this.#tryOpen(path)
    }
    if (fd === undefined) throw new ImageError('BAD_ARCHIVE', `the layer has no folder /${path}`)
    this.forget()
    this.#last = { path, fd }
    return fd
  }

  #tryOpen(path: string): number | undefined {
    for (let tries = 0; ; tries++) {
      try {
        return openat2(this.#root, path, HOW, HOW.byteLength)
      } catch (error) {
        const { code } = error as { code?: string }
        if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code ?? '')) return undefined
        // Somebody on this machine renamed something while the kernel went up a `..`: openat2(2) wants it asked again.
        if (code !== 'EAGAIN' || tries === PATIENCE) throw error
      }
    }
  }

  /** Forgets where it was last. */
  forget(): void {
    if (this.#last) closeSync(this.#last.fd)
    this.#last = undefined
  }

  close(): void {
    this.forget()
    closeSync(this.#root)
  }
}

/**
 * A name in an archive as parts: `/etc//./passwd` is etc, passwd. Absolute ones begin at the folder's root.
 *
 * @throws {ImageError} BAD_ARCHIVE for `..`, which no honest archive has
 */
export function splitPath(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..'))
    throw new ImageError('BAD_ARCHIVE', `${JSON.stringify(path)} in the archive leads out of it`)
  return parts
}
