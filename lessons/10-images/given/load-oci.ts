/*
 * Takes images out of an OCI image layout: image-spec, image-layout.md. Docker's media types are understood, too, since
 * tools put them there.
 */
import { addBlob } from './blobs.ts'
import { PLATFORM } from './configs.ts'
import { digestOf, hexOf, verify } from './digest.ts'
import { ConfigText, type FoundDescriptor, IndexText, LayoutText, ManifestText, parseText } from './documents.ts'
import { ImageError } from './errors.ts'
import { MANIFEST, REF_NAME } from './index.ts'
import type { Digest } from './interface.ts'
import type { Added, Loading } from './load.ts'
import { isReference } from './references.ts'
import { readText } from './source.ts'

const MANIFESTS = [MANIFEST, 'application/vnd.docker.distribution.manifest.v2+json']
const INDEXES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json']
const CONFIGS = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']
const LAYERS = [
  /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?$/,
  /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?$/,
]
const CONTAINERD_NAME = 'io.containerd.image.name'
const DEEPEST = 4

/** The images of the layout that are for this machine. */
export async function loadOci(loading: Loading): Promise<Added[]> {
  const { source } = loading
  const { imageLayoutVersion } = parseText('oci-layout', await readText(source, 'oci-layout'), LayoutText)
  if (imageLayoutVersion !== '1.0.0')
    throw new ImageError('UNKNOWN_TYPE', `its oci-layout says version ${JSON.stringify(imageLayoutVersion)}`)
  const { manifests } = parseText('index.json', await readText(source, 'index.json'), IndexText)
  const byName = Map.groupBy(manifests, nameOf)
  const added: Added[] = []
  for (const [reference, list] of byName) {
    for (const manifest of await forThisMachine(loading, list)) {
      added.push({ descriptor: await loadManifest(loading, manifest), reference })
    }
  }
  return added
}

function nameOf({ annotations }: FoundDescriptor): string | undefined {
  const names = [annotations?.[CONTAINERD_NAME], annotations?.[REF_NAME]]
  return names.find((name) => name !== undefined && isReference(name))
}

/** Of what is said to be one image for many machines, this one's. */
async function forThisMachine(loading: Loading, list: FoundDescriptor[]): Promise<FoundDescriptor[]> {
  const all = (await flatten(loading, list)).filter(({ platform }) => platform?.os !== 'unknown') // attestations
  const fits = all.filter(({ platform }) => !platform || isHere(platform))
  if (fits.length > 0 || all.length === 0) return fits
  const there = all.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(', ')
  throw new ImageError('NO_PLATFORM', `it has no image for ${PLATFORM.os}/${PLATFORM.architecture}, only for ${there}`)
}

const isHere = ({ os, architecture }: { os: string; architecture: string }) =>
  os === PLATFORM.os && architecture === PLATFORM.architecture

/** The manifests, where some entries are lists themselves. */
async function flatten(loading: Loading, list: FoundDescriptor[], depth = 0): Promise<FoundDescriptor[]> {
  if (depth > DEEPEST) throw new ImageError('BAD_ARCHIVE', `lists of images in lists of images, ${depth} deep`)
  const flat: FoundDescriptor[] = []
  for (const one of list) {
    if (MANIFESTS.includes(one.mediaType)) flat.push(one)
    else if (INDEXES.includes(one.mediaType)) {
      const { manifests } = parseText(one.digest, await readBlob(loading, one), IndexText)
      flat.push(...(await flatten(loading, manifests, depth + 1)))
    } else throw unknown('a manifest', one.mediaType)
  }
  return flat
}

async function loadManifest(loading: Loading, one: FoundDescriptor): Promise<Added['descriptor']> {
  const { store, work, source } = loading
  const text = await readBlob(loading, one)
  const manifest = parseText('the manifest', text, ManifestText)
  if (!CONFIGS.includes(manifest.config.mediaType)) throw unknown('a config', manifest.config.mediaType)
  for (const { mediaType } of manifest.layers)
    if (!LAYERS.some((type) => type.test(mediaType))) throw unknown('a layer', mediaType)
  const configText = await readBlob(loading, manifest.config)
  const { os, architecture, rootfs } = parseText('the config', configText, ConfigText)
  loading.refuseForeign({ os, architecture })
  if (rootfs.diff_ids.length !== manifest.layers.length)
    throw new ImageError(
      'BAD_ARCHIVE',
      `the config names ${rootfs.diff_ids.length} layers, the manifest ${manifest.layers.length}`,
    )
  for (const [i, { digest, size }] of manifest.layers.entries()) {
    const promised = { digest, size, diffId: rootfs.diff_ids[i] as Digest }
    await loading.layer(() => source.read(fileOf(digest)), promised, i + 1, manifest.layers.length, true)
  }
  addBlob(store, work, configText)
  addBlob(store, work, text)
  return { mediaType: one.mediaType, digest: one.digest, size: one.size, platform: { os, architecture } }
}

const fileOf = (digest: Digest) => `blobs/sha256/${hexOf(digest)}`

async function readBlob({ source }: Loading, { digest, size }: FoundDescriptor): Promise<Buffer> {
  const text = await readText(source, fileOf(digest))
  verify(fileOf(digest), digestOf(text), digest)
  if (text.length === size) return text
  throw new ImageError('BAD_DIGEST', `${fileOf(digest)} is ${text.length} bytes long, promised were ${size}`)
}

function unknown(what: string, mediaType: string): ImageError {
  return new ImageError('UNKNOWN_TYPE', `${JSON.stringify(mediaType)} is no media type of ${what} that is known here`)
}
