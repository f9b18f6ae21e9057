/*
 * Takes images into the store: from archives of others, from plain files, and from what a container has changed.
 */
import { realpathSync, statSync } from 'node:fs'
import { addBlob, fileStream, hasBlob } from './blobs.ts'
import { newConfig, PLATFORM } from './configs.ts'
import type { Bytes } from './digest.ts'
import { ImageError } from './errors.ts'
import { CONFIG, changeIndex, imageOf, images, listed, MANIFEST, readIndex } from './index.ts'
import type { Descriptor, Image, ImportOptions, LayerOptions, Manifest, NewImage, Platform } from './interface.ts'
import { addLayer, type Promised } from './layers.ts'
import { loadDocker } from './load-docker.ts'
import { loadOci } from './load-oci.ts'
import { locked } from './lock.ts'
import { hasLayer } from './notes.ts'
import { pack } from './pack.ts'
import type { Paths } from './place.ts'
import { asReference } from './references.ts'
import { openSource, type Source } from './source.ts'
import { workplace } from './workplace.ts'

/** An image that is in the store, but not in its index yet. */
export interface Added {
  descriptor: Descriptor
  reference?: string | undefined
}

/** What the formats need. */
export interface Loading {
  store: Paths
  /** A folder for what is not finished. */
  work: string
  source: Source
  /** Adds a layer, unless it is there. */
  layer(open: () => Bytes, promised: Promised, n: number, of: number, keepPlain: boolean): Promise<Descriptor>
  /** Says when an image is for another machine, and refuses what is not for Linux. */
  refuseForeign(platform: Platform): void
}

/** store.load() */
export function load(store: Paths, path: string, options: ImportOptions = {}): Promise<Image[]> {
  const reference = options.reference === undefined ? undefined : asReference(options.reference)
  return writing(store, async (work) => {
    const source = await openSource(path, work)
    const loading = loadingOf(store, work, source, options)
    const found = source.has('manifest.json') ? await loadDocker(loading) : await loadOci(isLayout(path, loading))
    const added = reference === undefined ? found : renamed(found, reference)
    if (added.length === 0) throw new ImageError('BAD_ARCHIVE', `${path}: there is no image in it`)
    return finish(store, added)
  })
}

function isLayout(path: string, loading: Loading): Loading {
  if (loading.source.has('oci-layout') && loading.source.has('index.json')) return loading
  throw new ImageError(
    'UNKNOWN_TYPE',
    `${path}: this is no image: neither Docker's manifest.json nor OCI's oci-layout is in it. ` +
      'The files of a root become an image by box import',
  )
}

function renamed(found: Added[], reference: string): Added[] {
  const digests = new Set(found.map(({ descriptor }) => descriptor.digest))
  if (digests.size > 1)
    throw new ImageError('AMBIGUOUS', `it has ${digests.size} images, and one name is given: '${reference}'`)
  return found.slice(0, 1).map(({ descriptor }) => ({ descriptor, reference }))
}

/** store.import() */
export function importFiles(store: Paths, path: string, image: NewImage, options: ImportOptions = {}): Promise<Image> {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new ImageError('NOT_FOUND', `${path}: there is no such file or folder`)
  refuseItself(store, path)
  const { warn } = options
  const chunks = stats.isDirectory() ? pack(path, { from: 'plain', ...(warn ? { warn } : {}) }) : fileStream(path)
  const createdBy = image.createdBy ?? `import ${path.split('/').findLast(Boolean) ?? '/'}`
  return create(store, chunks, path, { ...image, createdBy }, options)
}

/** What we write into the store would be packed, and written, and packed. */
function refuseItself(store: Paths, path: string): void {
  if (`${realpathSync(store.root)}/`.startsWith(`${realpathSync(path)}/`.replace('//', '/')))
    throw new ImageError('BAD_NAME', `${path}: the store of images itself lies in it, and would be copied into itself`)
}

/** store.commit() */
export function commit(
  store: Paths,
  upper: string | undefined,
  image: NewImage,
  options: LayerOptions = {},
): Promise<Image> {
  const limit = { bytes: Number.MAX_SAFE_INTEGER, entries: Number.MAX_SAFE_INTEGER } // they are our own files
  return create(store, upper === undefined ? undefined : pack(upper, options), 'the new layer', image, { limit })
}

/** Makes an image of a parent and one more layer. */
function create(
  store: Paths,
  chunks: Bytes | undefined,
  what: string,
  image: NewImage,
  options: ImportOptions,
): Promise<Image> {
  const reference = image.reference === undefined ? undefined : asReference(image.reference)
  return writing(store, async (work) => {
    for (const { diffId, digest } of image.parent?.layers ?? []) {
      if (hasLayer(store, diffId) && hasBlob(store, digest)) continue
      throw new ImageError('NOT_FOUND', `the image ${image.parent?.id} has just been removed`)
    }
    const progress = options.progress && counting(options.progress, 1, 1)
    const added = chunks && (await addLayer(store, work, progress ? progress(chunks) : chunks, what, options))
    const parents = (image.parent?.layers ?? []).map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
    const config = newConfig(image, added?.diffId)
    const text = Buffer.from(JSON.stringify(config))
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: addBlob(store, work, text), size: text.length },
      layers: [...parents.map(asOci), ...(added ? [added.descriptor] : [])],
    }
    const data = Buffer.from(JSON.stringify(manifest))
    const { os, architecture } = config
    const digest = addBlob(store, work, data)
    const descriptor = { mediaType: MANIFEST, digest, size: data.length, platform: { os, architecture } }
    const [made] = await finish(store, [{ descriptor, reference }])
    return made as Image
  })
}

/** Docker's media types as OCI's: one manifest should not mix them. */
function asOci(layer: Descriptor): Descriptor {
  const match = layer.mediaType.match(/^application\/vnd\.docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.(\w+))?$/)
  if (!match) return layer
  return { ...layer, mediaType: `application/vnd.oci.image.layer.v1.tar${match[1] ? `+${match[1]}` : ''}` }
}

/** While somebody writes, nobody removes. */
function writing<T>(store: Paths, work: (folder: string) => Promise<T>): Promise<T> {
  return locked(store.lock, 'shared', () => workplace(store, work))
}

/** Last of all, names the images. */
async function finish(store: Paths, added: Added[]): Promise<Image[]> {
  await changeIndex(store, (list) => listed(list, added))
  const list = readIndex(store)
  const manifests = [...new Set(added.map(({ descriptor }) => descriptor.digest))]
  return manifests.map((manifest) => imageOf(store, manifest, list))
}

function loadingOf(store: Paths, work: string, source: Source, options: ImportOptions): Loading {
  const known = new Map(
    images(store).flatMap(({ layers }) => layers.map((one) => [`${one.digest} ${one.diffId}`, one])),
  )
  return {
    store,
    work,
    source,
    async layer(open, promised, n, of, keepPlain) {
      const there = known.get(`${promised.digest} ${promised.diffId}`)
      if (there) return { mediaType: there.mediaType, digest: there.digest, size: there.size }
      const count = options.progress ? counting(options.progress, n, of) : (chunks: Bytes) => chunks
      const all = { ...options, promised, keepPlain }
      const { descriptor } = await addLayer(store, work, count(open()), `layer ${n} of ${of}`, all)
      return descriptor
    },
    refuseForeign({ os, architecture }) {
      if (os !== PLATFORM.os) throw new ImageError('NO_PLATFORM', `it is for ${os}, and this is Linux`)
      if (architecture !== PLATFORM.architecture)
        options.warn?.(`it is for ${architecture}; this machine (${PLATFORM.architecture}) cannot run its programs`)
    },
  }
}

function counting(progress: NonNullable<ImportOptions['progress']>, layer: number, of: number) {
  return async function* count(chunks: Bytes): Bytes {
    let bytes = 0
    for await (const chunk of chunks) {
      bytes += chunk.length
      progress({ layer, of, bytes })
      yield chunk
    }
  }
}
