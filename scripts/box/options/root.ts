import { UsageError } from '#given/errors.ts'
import { existsSync, mkdirSync, readFileSync, statSync } from '#given/fs.ts'
import { OWN_ROOTFS, ROOTFS } from '#given/spec.ts'
import { canBeLayers, containersFolder, storeFolder, unionOf } from '#given/union.ts'
import { ids } from '#given/user/ids.ts'
import { callersFolder } from '../../lib/command.ts'
import type { Chosen } from './image.ts'

/** What a container's root is made of: a folder, or the layers of an image. */
export interface Root {
  rootfs: string
  chosen?: Chosen
}

/** What was asked for; else the folder that was brought, else the one that this machine's programs make. */
export async function findRoot(wish: string | undefined): Promise<Root> {
  if (wish === undefined) return { rootfs: await usualRootfs() }
  const path = inCallersFolder(wish)
  if (isFolder(path)) return { rootfs: path }
  const hint = 'Leave it out for the one of npm run rootfs'
  if (existsSync(path)) {
    throw new UsageError(`${path} is a file; a root is a folder with bin, lib, … ${hint}`, 125)
  }
  if (/^[./]/.test(wish)) throw new UsageError(`there is no folder ${path} to be the root. ${hint}`, 125)
  const { chooseImage } = await import('./image.ts')
  return { rootfs: '', chosen: await chooseImage(wish) }
}

async function usualRootfs(): Promise<string> {
  if (existsSync(OWN_ROOTFS)) return OWN_ROOTFS
  if (existsSync(`${ROOTFS}.stamp`)) return ROOTFS
  console.error("box: building a root file system from this machine's programs, once…")
  return (await import('#given/rootfs.ts')).ensureRootfs()
}

/** The root of the container: a union of layers and of what it changes, wherever it can be one. */
export async function unionFor(
  id: string,
  { rootfs, chosen }: Root,
  mechanisms: string[],
  how: { inLab: boolean; keep: boolean; rw: boolean },
) {
  const { inLab, keep, rw } = how
  if (!chosen && (inLab || rw || !mechanisms.includes('images'))) return { rootfs } // a lab has a layer of its own
  const lower = chosen?.lower ?? [rootfs]
  if (chosen && !mechanisms.includes('images'))
    throw new UsageError("an image takes the mechanisms 'images' and 'mount', which this container is not to have")
  const userns = mechanisms.includes('user')
  const owners = canBeLayers(lower, mechanisms, ids()) ? undefined : await import('./owners.ts')
  if (owners && !chosen && !owners.canMap(rootfs)) return { rootfs }
  const idmapped = !owners ? [] : chosen ? owners.foldersToMap(chosen.store, lower) : [rootfs]
  const containers = inLab ? (await import('#given/lab.ts')).LAB_CONTAINERS : containersFolder()
  if (chosen || canMake(containers)) return unionOf(id, lower, { userns, idmapped, containers, keep })
  console.error(`box: what it changes stays in its root, since there can be no ${containers}`)
  return { rootfs }
}

function canMake(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true })
    return true
  } catch {
    return false // a home that is not there, or read-only
  }
}

/** Is it one, and not a command? With a tag, debian:12, it was meant to be one, whether or not there is such an image. */
export function isRoot(word: string): boolean {
  return /[/:]/.test(word) || isFolder(inCallersFolder(word)) || isImage(word)
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Is there an image of this name? A look at the index only: most commands are none. */
function isImage(word: string): boolean {
  const index = `${storeFolder()}/index.json`
  if (!/^[a-z0-9]/.test(word) || !existsSync(index)) return false
  const name = word.includes(':') ? word : `${word}:latest`
  return new RegExp(`[":/]${RegExp.escape(name)}"`).test(readFileSync(index, 'utf8'))
}

/** A path as who typed it means it. */
export function inCallersFolder(path: string): string {
  return process.getBuiltinModule('node:path').resolve(callersFolder, path)
}
