/*
 * Writes images for others: an OCI image layout, as a folder or an archive, or what docker load reads.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { blobFile, blobStream, copyTo, fileStream } from './blobs.ts'
import { layerType, packed, unpacked } from './compression.ts'
import { type Bytes, digestOf, hexOf, Meter } from './digest.ts'
import { ImageError, troubleWith } from './errors.ts'
import { CONFIG, INDEX, MANIFEST, REF_NAME } from './index.ts'
import type { Compression, Descriptor, ExportOptions, Image, Layer, Manifest } from './interface.ts'
import { locked } from './lock.ts'
import { layerNote } from './notes.ts'
import type { Paths } from './place.ts'
import { END, headerOf, padding } from './tar-write.ts'
import { workplace } from './workplace.ts'

/** A file of the archive. */
interface File {
  name: string
  size: number
  read(): Bytes
}

/** store.save() */
export function save(store: Paths, images: Image[], path: string, options: ExportOptions): Promise<void> {
  if (images.length === 0) throw new ImageError('NOT_FOUND', 'no image is given')
  return locked(store.lock, 'shared', () =>
    workplace(store, async (work) => {
      const asFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory()
      if (asFolder && options.format === 'docker')
        throw new ImageError(
          'UNKNOWN_TYPE',
          `${path}: docker load reads archives only; name a file, or take the OCI format`,
        )
      const files =
        options.format === 'docker' ? dockerFiles(store, images) : await ociFiles(store, images, work, options)
      const each = [...new Map(files.map((file) => [file.name, file])).values()] // layers that images share, once
      if (asFolder) await toFolder(each, path)
      else await toArchive(each, path)
    }),
  )
}

function dockerFiles(store: Paths, images: Image[]): File[] {
  const list = images.map(({ id, references, layers }) => ({
    Config: `${hexOf(id)}.json`,
    RepoTags: references.length > 0 ? references : null,
    Layers: layers.map(({ diffId }) => `${hexOf(diffId)}.tar`),
  }))
  const configs = images.map(({ id }) => blobAs(store, `${hexOf(id)}.json`, { digest: id }))
  const layers = images
    .flatMap((image) => image.layers)
    .map((layer) => ({
      name: `${hexOf(layer.diffId)}.tar`,
      size: layerNote(store, layer.diffId).tar,
      read: () => unpacked(blobStream(store, layer.digest)),
    }))
  return [...layers, ...configs, textAs('manifest.json', JSON.stringify(list))]
}

async function ociFiles(store: Paths, images: Image[], work: string, { compression }: ExportOptions): Promise<File[]> {
  const files: File[] = [textAs('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }))]
  const manifests: Descriptor[] = []
  for (const image of images) {
    const descriptor = compression
      ? await repacked(store, image, work, compression, files)
      : asItIs(store, image, files)
    const { os, architecture } = image.config
    const named = (reference: string) => ({ ...descriptor, annotations: { [REF_NAME]: reference } })
    const list = image.references.length > 0 ? image.references.map(named) : [descriptor]
    manifests.push(...list.map((one) => ({ ...one, platform: { os, architecture } })))
  }
  return [...files, textAs('index.json', JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }))]
}

function asItIs(store: Paths, image: Image, files: File[]): Descriptor {
  const manifest = blobAs(store, blobName(image.manifest), { digest: image.manifest })
  for (const digest of [...image.layers.map((layer) => layer.digest), image.id])
    files.push(blobAs(store, blobName(digest), { digest }))
  files.push(manifest)
  return { mediaType: MANIFEST, digest: image.manifest, size: manifest.size }
}

async function repacked(store: Paths, image: Image, work: string, to: Compression, files: File[]): Promise<Descriptor> {
  const layers: Descriptor[] = []
  for (const layer of image.layers) {
    const { file, ...descriptor } = await repackedLayer(store, layer, work, to)
    layers.push(descriptor)
    files.push(file)
  }
  const config = blobAs(store, blobName(image.id), { digest: image.id })
  files.push(config)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: image.id, size: config.size },
    layers,
  }
  const text = JSON.stringify(manifest)
  const digest = digestOf(Buffer.from(text))
  files.push(textAs(blobName(digest), text))
  return { mediaType: MANIFEST, digest, size: Buffer.byteLength(text) }
}

async function repackedLayer(store: Paths, layer: Layer, work: string, to: Compression) {
  const aside = join(work, hexOf(layer.diffId))
  const meter = new Meter()
  await copyTo(aside, meter.passing(packed(unpacked(blobStream(store, layer.digest)), to)))
  const digest = meter.digest()
  const file: File = { name: blobName(digest), size: meter.bytes, read: () => fileStream(aside) }
  return { mediaType: layerType(to), digest, size: meter.bytes, file }
}

const blobName = (digest: Descriptor['digest']) => `blobs/sha256/${hexOf(digest)}`

function blobAs(store: Paths, name: string, { digest }: Pick<Descriptor, 'digest'>): File {
  return { name, size: statSync(blobFile(store, digest)).size, read: () => blobStream(store, digest) }
}

function textAs(name: string, text: string): File {
  const data = Buffer.from(text)
  const once = async function* read(): Bytes {
    yield data
  }
  return { name, size: data.length, read: once }
}

async function toFolder(files: File[], path: string): Promise<void> {
  mkdirSync(path, { recursive: true })
  if (readdirSync(path).length > 0) throw new ImageError('BAD_NAME', `${path}: the folder is not empty`)
  for (const { name, read } of files) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    await copyTo(join(path, name), read())
  }
}

/** A file appears when it is whole. A pipe or a terminal takes what comes. */
async function toArchive(files: File[], path: string): Promise<void> {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? true
  const target = isFile ? `${path}.${process.pid}.new` : path
  try {
    await copyTo(target, archive(files))
    if (!isFile) return
    const fd = openSync(target, 'r')
    fsyncSync(fd)
    closeSync(fd)
    renameSync(target, path)
  } catch (error) {
    if (isFile) rmSync(target, { force: true })
    throw troubleWith(path, error)
  }
}

async function* archive(files: File[]): Bytes {
  for (const { name, size, read } of files) {
    yield headerOf({ path: name, kind: 'file', mode: 0o644, uid: 0, gid: 0, size, mtime: 0 })
    yield* read()
    yield padding(size)
  }
  yield END
}
