/*
 * What is known of the layers in a store. Apart from what adds them (layers.ts), which loads much more: a container of an
 * image only looks where they are, and its start is measured.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asDigest, hexOf } from './digest.ts'
import { ImageError } from './errors.ts'
import type { Digest } from './interface.ts'
import type { Paths } from './place.ts'
import type { Unpacked } from './unpack.ts'

/** What is written down of an unpacked layer. */
export interface LayerNote extends Unpacked {
  diffId: Digest
  /** Bytes of its plain tar. */
  tar: number
}

export const layerFolder = (store: Paths, diffId: Digest) => join(store.layers, hexOf(asDigest(diffId)))
export const hasLayer = (store: Paths, diffId: Digest) => existsSync(layerFolder(store, diffId))

/**
 * What is known of a layer.
 *
 * @throws {ImageError} BAD_STORE where it is gone
 */
export function layerNote(store: Paths, diffId: Digest): LayerNote {
  try {
    return JSON.parse(readFileSync(join(layerFolder(store, diffId), 'layer.json'), 'utf8'))
  } catch (error) {
    throw new ImageError('BAD_STORE', `${store.root}: the layer ${diffId} cannot be read: ${(error as Error).message}`)
  }
}
