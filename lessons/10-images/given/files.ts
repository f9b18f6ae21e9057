/*
 * Files that are there whole or not at all, also after a power cut, and folders that go away however they are made.
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { bind } from '#given/libc.ts'

const syncfs = bind('int syncfs(int fd)')

/** Writes a file by way of another one beside it: readers see the old text or the new one. */
export function replaceFile(path: string, text: string | Uint8Array): void {
  const unfinished = `${path}.${process.pid}-${++count}.new`
  writeFileSync(unfinished, text, { flush: true, mode: 0o644 })
  renameSync(unfinished, path)
  syncFolder(dirname(path))
}

let count = 0

/** Writes all of it: write(2) may take less. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) at += writeSync(fd, data, at)
}

/** Writes a folder's names to disk: a rename(2) is there after a power cut only then. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

/** Writes all of a file system to disk. One call, where an fsync(2) for each of 10,000 files takes minutes. */
export function syncAll(path: string): void {
  const fd = openSync(path, 'r')
  syncfs(fd)
  closeSync(fd)
}

/**
 * Removes a folder with all in it. Not rmSync: an archive can hold folders deeper than a path can name, and ones that
 * their own owner may not enter. Each folder is first brought up to just below `path`, so that no path grows.
 *
 * @param path a folder in which nobody else writes
 */
export function removeTree(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })) return
  const unique = process.getBuiltinModule('node:crypto').randomUUID() // no name in an archive can be this
  const queue = emptyFolder(path, () => undefined)
  for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
    queue.push(...emptyFolder(folder, () => `${path}/${unique}-${++count}`))
    rmdirSync(folder)
  }
  rmdirSync(path)
}

/** Removes the files of a folder, and gives the folders in it, each moved where `place` says. */
function emptyFolder(folder: string | Buffer, place: () => string | undefined): (string | Buffer)[] {
  chmodSync(folder, 0o700)
  return readdirSync(folder, { withFileTypes: true, encoding: 'buffer' }).flatMap((entry): (string | Buffer)[] => {
    const inside = Buffer.concat([Buffer.from(folder), SLASH, entry.name])
    if (!entry.isDirectory()) {
      unlinkSync(inside)
      return []
    }
    const outside = place()
    if (outside === undefined) return [inside]
    chmodSync(inside, 0o700) // whoever moves a folder changes its `..`
    renameSync(inside, outside)
    return [outside]
  })
}

const SLASH = Buffer.from('/')

/** The names in a folder that are ours, in order. */
export const namesIn = (folder: string) => readdirSync(folder).sort()
