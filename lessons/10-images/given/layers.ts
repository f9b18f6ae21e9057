/*
 * Layers: a blob, and the folder that it unpacks to. One pass over the bytes does it all: they are measured, written
 * down, decompressed, measured again and unpacked, aside; only when every digest is right do they get their names.
 */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attributeSpace } from './attributes.ts'
import { blobFile, copying, copyTo, hasBlob } from './blobs.ts'
import { layerType, packer, sniff, unpacked } from './compression.ts'
import { type Bytes, Meter, verify } from './digest.ts'
import { ImageError, troubleWith } from './errors.ts'
import { syncAll, syncFolder } from './files.ts'
import type { Descriptor, Digest, ImportOptions } from './interface.ts'
import { hasLayer, type LayerNote, layerFolder } from './notes.ts'
import type { Paths } from './place.ts'
import { unpack } from './unpack.ts'

/** What a layer is promised to be, by who brings it. */
export interface Promised {
  digest?: Digest
  diffId?: Digest
  size?: number
}

/**
 * Adds a layer. What is compressed stays as it came; what is not is kept compressed.
 *
 * @param work a folder of workplace()
 * @param what for messages: `layer 2 of 3`
 * @throws {ImageError} BAD_DIGEST, and all that unpack() can find
 */
export async function addLayer(
  store: Paths,
  work: string,
  source: Bytes,
  what: string,
  { promised = {}, limit, warn, keepPlain = false }: ImportOptions & { promised?: Promised; keepPlain?: boolean } = {},
): Promise<{ descriptor: Descriptor; diffId: Digest }> {
  const aside = mkdtempSync(join(work, 'l-'))
  const [blob, folder] = [join(aside, 'blob'), join(aside, 'layer')]
  try {
    const { compression, chunks } = await sniff(source)
    const [outer, inner] = [new Meter(), new Meter()]
    const known = promised.diffId !== undefined && hasLayer(store, promised.diffId)
    const use = async (plain: Bytes) => {
      const measured = inner.passing(plain)
      if (known) return drain(measured)
      mkdirSync(join(folder, 'diff'), { recursive: true, mode: 0o755 })
      return unpack(measured, join(folder, 'diff'), { limit, warn, space: attributeSpace(aside) })
    }
    const kept = compression === 'none' && !keepPlain ? 'zstd' : compression
    const asItCame = kept === compression
    const found = asItCame
      ? await use(unpacked(copying(outer.passing(chunks), blob)))
      : await alsoPacked(chunks, blob, outer, use)
    const [digest, diffId] = [outer.digest(), inner.digest()]
    if (promised.size !== undefined && asItCame && promised.size !== outer.bytes)
      throw new ImageError('BAD_DIGEST', `it is ${outer.bytes} bytes long, promised were ${promised.size}`)
    if (asItCame) verify('it', digest, promised.digest)
    verify('what it unpacks to', diffId, promised.diffId)
    const note: LayerNote | undefined = found && { diffId, tar: inner.bytes, ...found }
    if (note) writeFileSync(join(folder, 'layer.json'), JSON.stringify(note))
    keep(store, aside, digest, note)
    return { descriptor: { mediaType: layerType(kept), digest, size: outer.bytes }, diffId }
  } catch (error) {
    throw prefixed(what, error)
  }
}

/** Gives blob and folder their names. Where another writer was first, theirs are the same. */
function keep(store: Paths, aside: string, digest: Digest, note: LayerNote | undefined): void {
  syncAll(aside)
  if (!hasBlob(store, digest)) renameSync(join(aside, 'blob'), blobFile(store, digest))
  if (note && !hasLayer(store, note.diffId)) {
    try {
      renameSync(join(aside, 'layer'), layerFolder(store, note.diffId))
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  syncFolder(store.blobs)
  syncFolder(store.layers)
}

async function drain(chunks: Bytes): Promise<undefined> {
  for await (const _ of chunks);
}

/** Compresses a stream to a file while `use` reads it. The slower of the two sets the pace. */
async function alsoPacked<T>(chunks: Bytes, to: string, meter: Meter, use: (chunks: Bytes) => Promise<T>): Promise<T> {
  const transform = packer('zstd')
  transform.on('error', () => {}) // who reads it gets it
  const written = copyTo(to, meter.passing(transform))
  written.catch(() => {}) // it is waited for below, or in the race
  async function* feeding(): Bytes {
    for await (const chunk of chunks) {
      if (!transform.write(chunk)) await Promise.race([once(transform, 'drain'), written])
      yield chunk
    }
    transform.end()
  }
  try {
    const result = await use(feeding())
    await written
    return result
  } finally {
    transform.destroy()
  }
}

/** The same error, which says of what. */
function prefixed(what: string, error: unknown): unknown {
  const trouble = troubleWith(what, error)
  if (trouble instanceof ImageError && !trouble.message.startsWith(what))
    trouble.message = `${what}: ${trouble.message}`
  return trouble
}
