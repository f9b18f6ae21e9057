/*
 * Which images there are: index.json of the OCI image layout. It is replaced as a whole, so a reader needs no lock; who
 * changes it has index.lock.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from './blobs.ts'
import { asDigest, hexOf } from './digest.ts'
import { ImageError } from './errors.ts'
import { replaceFile } from './files.ts'
import type { Config, Descriptor, Digest, Image, Layer, Manifest } from './interface.ts'
import { locked } from './lock.ts'
import { layerFolder, layerNote } from './notes.ts'
import type { Paths } from './place.ts'
import { asReference } from './references.ts'

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const INDEX = 'application/vnd.oci.image.index.v1+json'
export const CONFIG = 'application/vnd.oci.image.config.v1+json'
export const REF_NAME = 'org.opencontainers.image.ref.name'

/**
 * What index.json lists: a descriptor for each name of each image, and for each image without one.
 *
 * @throws {ImageError} BAD_STORE
 */
export function readIndex(store: Paths): Descriptor[] {
  if (!existsSync(store.index)) return []
  try {
    const { manifests } = JSON.parse(readFileSync(store.index, 'utf8')) as { manifests: Descriptor[] }
    for (const { digest } of manifests) asDigest(digest)
    return manifests
  } catch (error) {
    throw new ImageError('BAD_STORE', `${store.index} cannot be read: ${(error as Error).message}`)
  }
}

/** Changes index.json, while nobody else does. */
export async function changeIndex(store: Paths, change: (list: Descriptor[]) => Descriptor[]): Promise<void> {
  await locked(store.indexLock, 'alone', () => {
    const before = readIndex(store)
    const manifests = change(before)
    if (JSON.stringify(manifests) === JSON.stringify(before)) return
    replaceFile(store.index, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }, undefined, 2))
  })
}

/** Adds images to the list, each with a name or without; a name that another image has is that one's no longer. */
export function listed(before: Descriptor[], added: { descriptor: Descriptor; reference?: string | undefined }[]) {
  return added.reduce((list, { descriptor, reference }) => {
    const { annotations: _, ...bare } = descriptor
    const others = list.map((one) => (reference !== undefined && nameOf(one) === reference ? withoutName(one) : one))
    const named = reference === undefined ? bare : { ...bare, annotations: { [REF_NAME]: reference } }
    return tidy([...others, named])
  }, before)
}

/** A descriptor without its name: its image stays. */
export function withoutName({ annotations: _, ...bare }: Descriptor): Descriptor {
  return bare
}

export const nameOf = ({ annotations }: Descriptor) => annotations?.[REF_NAME]

/** An image without a name is listed once, and not at all where it has one. */
export function tidy(list: Descriptor[]): Descriptor[] {
  return list.filter(({ digest, annotations }, i) => {
    const same = (other: Descriptor) => other.digest === digest
    const named = annotations?.[REF_NAME] !== undefined
    return named || !list.some((other, j) => same(other) && (nameOf(other) !== undefined || j < i))
  })
}

/**
 * All images, newest first.
 *
 * @throws {ImageError} BAD_STORE
 */
export function images(store: Paths): Image[] {
  return steadily(store, (list) => {
    const digests = [...new Set(list.map(({ digest }) => digest))]
    const all = digests.map((digest) => imageOf(store, digest, list))
    return all.sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? -1 : 1))
  })
}

/** Looks again where somebody has removed an image meanwhile. Readers take no lock. */
function steadily<T>(store: Paths, look: (list: Descriptor[]) => T): T {
  for (;;) {
    const list = readIndex(store)
    try {
      return look(list)
    } catch (error) {
      if (JSON.stringify(readIndex(store)) === JSON.stringify(list)) throw error
    }
  }
}

const timeOf = ({ config }: Image) => Date.parse(config.created ?? '') || 0

/** The image of a manifest. */
export function imageOf(store: Paths, manifest: Digest, list: Descriptor[]): Image {
  const { config: descriptor, layers } = readJson<Manifest>(store, manifest)
  const config = readJson<Config>(store, descriptor.digest)
  const references = list.filter(({ digest }) => digest === manifest).flatMap((one) => nameOf(one) ?? [])
  const found = layers.map(({ digest, mediaType, size }, i): Layer => {
    const diffId = asDigest(config.rootfs.diff_ids[i])
    return { diffId, digest, mediaType, size, folder: join(layerFolder(store, diffId), 'diff') }
  })
  const size = found.reduce((sum, { diffId }) => sum + layerNote(store, diffId).bytes, 0)
  return { id: descriptor.digest, manifest, references: references.sort(), config, layers: found, size }
}

/**
 * The image that is meant.
 *
 * @throws {ImageError} NOT_FOUND, AMBIGUOUS, BAD_NAME
 */
export function find(store: Paths, wish: string): Image {
  const reference = tryReference(wish)
  const exact = steadily(store, (list) => {
    const one = reference && list.find((descriptor) => nameOf(descriptor) === reference)
    return one && imageOf(store, one.digest, list)
  })
  if (exact) return exact // without a look at the others: a container waits for it
  const all = images(store)
  const matches = [byName(all, reference), byId(all, wish)].find((some) => some.length > 0) ?? []
  const [image] = matches
  if (matches.length > 1) {
    const list = matches.map(({ id, references }) => `  ${hexOf(id)}  ${references.join(', ') || '(no name)'}`)
    throw new ImageError('AMBIGUOUS', `'${wish}' can be one of these:\n${list.join('\n')}`)
  }
  if (!image) {
    if (!reference && !ID.test(wish)) asReference(wish) // says what is wrong with it
    throw new ImageError('NOT_FOUND', `there is no image '${wish}'. box images lists what there is`)
  }
  return image
}

const ID = /^(?:sha256:)?[0-9a-f]{1,64}$/

/** `web:1` is also `team/web:1`, where there is only one. */
function byName(all: Image[], reference: string | undefined): Image[] {
  if (!reference) return []
  return all.filter(({ references }) => references.some((one) => one.endsWith(`/${reference}`)))
}

function byId(all: Image[], wish: string): Image[] {
  if (!ID.test(wish)) return []
  const hex = wish.replace(/^sha256:/, '')
  const matches = all.filter(({ id, manifest }) => [id, manifest].some((digest) => hexOf(digest).startsWith(hex)))
  return matches.filter(({ id }, i) => matches.findIndex((other) => other.id === id) === i)
}

function tryReference(wish: string): string | undefined {
  if (wish.startsWith('sha256:')) return undefined
  try {
    return asReference(wish)
  } catch {
    return undefined
  }
}
