/*
 * Takes images out of what docker save writes: manifest.json names a config and layers, each a plain tar. They become
 * an OCI image; the config stays byte by byte, and with it the image's id.
 */
import { addBlob } from './blobs.ts'
import { digestOf } from './digest.ts'
import { ConfigText, DockerText, parseText } from './documents.ts'
import { ImageError } from './errors.ts'
import { CONFIG, MANIFEST } from './index.ts'
import type { Descriptor, Digest, Manifest } from './interface.ts'
import type { Added, Loading } from './load.ts'
import { isReference } from './references.ts'
import { readText } from './source.ts'

/** The images of the archive. */
export async function loadDocker(loading: Loading): Promise<Added[]> {
  const text = await readText(loading.source, 'manifest.json')
  if (!text.toString('utf8').trimStart().startsWith('['))
    throw new ImageError(
      'UNKNOWN_TYPE',
      "its manifest.json is not Docker's: skopeo's dir: is not known here, its oci: is",
    )
  const list = parseText('manifest.json', text, DockerText)
  const added: Added[] = []
  for (const { Config, RepoTags, Layers } of list) {
    const descriptor = await loadImage(loading, Config, Layers)
    const names = (RepoTags ?? []).filter(isReference)
    added.push(...(names.length === 0 ? [{ descriptor }] : names.map((reference) => ({ descriptor, reference }))))
  }
  return added
}

async function loadImage(loading: Loading, configName: string, layerNames: string[]): Promise<Descriptor> {
  const { store, work, source } = loading
  const configText = await readText(source, configName)
  refuseOther(configName, digestOf(configText))
  const { os, architecture, rootfs } = parseText('the config', configText, ConfigText)
  loading.refuseForeign({ os, architecture })
  if (rootfs.diff_ids.length !== layerNames.length)
    throw new ImageError(
      'BAD_ARCHIVE',
      `the config names ${rootfs.diff_ids.length} layers, manifest.json ${layerNames.length}`,
    )
  const layers: Descriptor[] = []
  for (const [i, name] of layerNames.entries()) {
    const promised = { diffId: rootfs.diff_ids[i] as Digest }
    layers.push(await loading.layer(() => source.read(name), promised, i + 1, layerNames.length, false))
  }
  const config = { mediaType: CONFIG, digest: addBlob(store, work, configText), size: configText.length }
  const manifest: Manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers }
  const text = Buffer.from(JSON.stringify(manifest))
  const platform = { os, architecture }
  return { mediaType: MANIFEST, digest: addBlob(store, work, text), size: text.length, platform }
}

/** A config's file is named by its digest. */
function refuseOther(name: string, digest: Digest): void {
  const hex = name.match(/(?:^|\/)([0-9a-f]{64})(?:\.json)?$/)?.[1]
  if (hex === undefined || digest === `sha256:${hex}`) return
  throw new ImageError('BAD_DIGEST', `${name} is not what its name says: its digest is ${digest}`)
}
