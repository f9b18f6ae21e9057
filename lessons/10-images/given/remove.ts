/*
 * Takes names and images away, and what no image needs then. While one does so nobody writes: a layer that is in place
 * but not in the index yet would look like one that nobody needs.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { blobSize, readJson } from './blobs.ts'
import { hexOf } from './digest.ts'
import { ImageError } from './errors.ts'
import { changeIndex, find, images, nameOf, readIndex, tidy, withoutName } from './index.ts'
import type { Descriptor, Digest, Image, Manifest, Removed } from './interface.ts'
import { locked } from './lock.ts'
import { layerNote } from './notes.ts'
import type { Paths } from './place.ts'
import { asReference, isReference } from './references.ts'
import { users, usersOf } from './users.ts'
import { workplace } from './workplace.ts'

/** store.remove() */
export function remove(store: Paths, wish: string): Promise<Removed> {
  return alone(store, async (work) => {
    const image = find(store, wish)
    const name = isReference(wish) ? image.references.find((one) => matches(one, asReference(wish))) : undefined
    const isLast = name === undefined || image.references.length === 1
    if (isLast) refuseUsed(store, image)
    const gone = (one: Descriptor) => one.digest === image.manifest && (isLast || nameOf(one) === name)
    await changeIndex(store, (list) => list.filter((one) => !gone(one)))
    const rest = collect(store, work)
    return { ...rest, untagged: name === undefined ? image.references : [name], images: isLast ? [image.id] : [] }
  })
}

const matches = (one: string, wish: string) => one === wish || one.endsWith(`/${wish}`)

/** store.tag(…) the other way: takes a name away, and leaves the image. */
export function untag(store: Paths, reference: string): Promise<void> {
  const name = asReference(reference)
  return changeIndex(store, (list) => {
    if (!list.some((one) => nameOf(one) === name))
      throw new ImageError('NOT_FOUND', `there is no image '${reference}'. box images lists what there is`)
    return tidy(list.map((one) => (nameOf(one) === name ? withoutName(one) : one)))
  })
}

/** store.prune() */
export function prune(store: Paths, { all = false } = {}): Promise<Removed> {
  return alone(store, async (work) => {
    const used = new Set(users(store).map(({ image }) => image))
    const gone = images(store).filter(({ id, references }) => !used.has(id) && (all || references.length === 0))
    const manifests = new Set(gone.map(({ manifest }) => manifest))
    await changeIndex(store, (list) => list.filter(({ digest }) => !manifests.has(digest)))
    const rest = collect(store, work)
    return { ...rest, untagged: gone.flatMap(({ references }) => references), images: gone.map(({ id }) => id) }
  })
}

function alone<T>(store: Paths, work: (folder: string) => Promise<T>): Promise<T> {
  return locked(store.lock, 'alone', () => workplace(store, work))
}

function refuseUsed(store: Paths, image: Image): void {
  const names = usersOf(store, image.id).map(({ name }) => name)
  if (names.length === 0) return
  const who =
    names.length === 1 ? `the container ${names[0]} uses` : `containers use it: ${names.join(', ')}. They need`
  throw new ImageError('IN_USE', `${who} ${image.references[0] ?? image.id}; end and remove first`)
}

/** Removes what no listed image needs: first out of the way by one rename(2) each, then bit by bit. */
function collect(store: Paths, work: string): Pick<Removed, 'layers' | 'freed'> {
  const needed = new Set<string>()
  const layersNeeded = new Set<string>()
  for (const { digest } of readIndex(store)) {
    const { config, layers } = readJson<Manifest>(store, digest)
    for (const one of [digest, config.digest, ...layers.map((layer) => layer.digest)]) needed.add(hexOf(one))
    const { rootfs } = readJson<{ rootfs: { diff_ids: Digest[] } }>(store, config.digest)
    for (const diffId of rootfs.diff_ids) layersNeeded.add(hexOf(diffId))
  }
  const digest = (hex: string): Digest => `sha256:${hex}`
  const layers = readdirSync(store.layers).filter((hex) => !layersNeeded.has(hex))
  const blobs = readdirSync(store.blobs).filter((hex) => !needed.has(hex))
  let freed = 0
  for (const hex of layers) {
    freed += sizeOf(store, digest(hex))
    renameSync(join(store.layers, hex), join(work, hex))
  }
  for (const hex of blobs) {
    freed += blobSize(store, digest(hex))
    rmSync(join(store.blobs, hex))
  }
  sweepUsers(store)
  return { layers: layers.map(digest), freed }
}

function sizeOf(store: Paths, diffId: Digest): number {
  try {
    return layerNote(store, diffId).bytes
  } catch {
    return 0
  }
}

/** Containers whose engine was killed. */
function sweepUsers(store: Paths): void {
  const there = new Set(users(store).map(({ id }) => `${id}.json`))
  for (const name of readdirSync(store.users)) {
    if (!there.has(name) && existsSync(join(store.users, name))) rmSync(join(store.users, name), { force: true })
  }
}
