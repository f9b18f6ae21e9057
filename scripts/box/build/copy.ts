/*
 * Copies a file or folder into the root of an image:
 *
 *     node copy.ts SOURCE ROOT DESTINATION
 *
 * Runs where the union is mounted on ROOT, with the host's own root beside it. The image is somebody else's: its folders
 * may be symbolic links to anywhere, so the kernel is asked to take ROOT for the root when it follows them: openat2(2).
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { basename } from 'node:path'
import { bind } from '#given/libc.ts'

const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const { O_DIRECTORY } = constants
const RESOLVE_IN_ROOT = 0x10
const HOW = 24 // struct open_how: flags, mode, resolve, 64 bits each

const openat2 = bind('int openat2(int dirfd, const char *pathname, void *how, size_t size)')
const mkdirat = bind('int mkdirat(int dirfd, const char *pathname, mode_t mode)')

function copy(source: string, root: string, destination: string): void {
  const parts = destination.split('/').filter((part) => part !== '' && part !== '.')
  const rootfd = openSync(root, O_PATH | O_DIRECTORY | O_CLOEXEC)
  const folder = lstatSync(source).isDirectory()
  const into = folder || destination.endsWith('/') || isFolder(rootfd, parts)
  const name = into ? basename(source) : (parts.pop() ?? '')
  const place = `/proc/self/fd/${openOrMake(rootfd, parts)}`
  if (folder) for (const inside of readdirSync(source)) put(`${source}/${inside}`, `${place}/${inside}`)
  else put(source, `${place}/${name}`)
}

function openInRoot(rootfd: number, parts: string[]): number {
  const how = BigUint64Array.of(BigInt(O_PATH | O_DIRECTORY | O_CLOEXEC), 0n, BigInt(RESOLVE_IN_ROOT))
  return openat2(rootfd, parts.join('/') || '.', how, HOW)
}

function isFolder(rootfd: number, parts: string[]): boolean {
  try {
    openInRoot(rootfd, parts)
    return true
  } catch {
    return false
  }
}

/** Opens a folder of the image, and makes what of it is missing. */
function openOrMake(rootfd: number, parts: string[]): number {
  let fd = openInRoot(rootfd, [])
  for (const [i, name] of parts.entries()) {
    const path = parts.slice(0, i + 1)
    if (!isFolder(rootfd, path)) mkdirat(fd, name, 0o755)
    fd = openInRoot(rootfd, path)
  }
  return fd
}

/** Copies one thing, and what is in it. What is in its place goes, unless both are folders. */
function put(source: string, target: string): void {
  const from = lstatSync(source)
  const there = lstatSync(target, { throwIfNoEntry: false })
  if (there && !(from.isDirectory() && there.isDirectory())) rmSync(target, { recursive: true })
  if (from.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), target)
    return
  }
  if (from.isFile()) copyFileSync(source, target, constants.COPYFILE_EXCL)
  else if (from.isDirectory()) {
    if (!there?.isDirectory()) mkdirSync(target)
    for (const name of readdirSync(source)) put(`${source}/${name}`, `${target}/${name}`)
  } else throw new Error(`${source} is neither a file, nor a folder, nor a symbolic link`)
  chmodSync(target, from.mode & 0o7777)
  utimesSync(target, from.atime, from.mtime)
}

if (import.meta.main) {
  const [source = '', root = '', destination = ''] = process.argv.slice(2)
  try {
    copy(source, root, destination)
  } catch (error) {
    console.error(`copy: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
