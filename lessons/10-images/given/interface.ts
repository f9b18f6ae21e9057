/*
 * Images, as the rest of the workshop sees them: the words, and what a store of images can do.
 *
 * The store is itself an OCI image layout (blobs/, index.json, oci-layout), so that skopeo can read it, and beside
 * that the layers, unpacked once each:
 *
 *     oci-layout  index.json       which images there are, and their names
 *     blobs/sha256/HEX             manifests, configs, and layers as they came, compressed
 *     layers/HEX/diff              a layer unpacked, by its diff id: a lower folder of overlayfs. Never written again
 *     layers/HEX/layer.json        what was found in it
 *     users/ID.json                which container uses which image
 *     tmp/                         what is being written; whatever a killed writer left is swept
 *     lock  index.lock             flock(2): writers share the first, what removes has it alone
 */

import type { Ids } from '#given/user/ids.ts'

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`

/** Points to a blob: its kind, its name and its length in bytes. OCI image-spec, descriptor.md. */
export interface Descriptor {
  mediaType: string
  digest: Digest
  size: number
  annotations?: Record<string, string>
  platform?: Platform
  [more: string]: unknown
}

export interface Platform {
  os: string
  architecture: string
  variant?: string
}

/** An image's parts: its config and its layers, lowest first. OCI image-spec, manifest.md. */
export interface Manifest {
  schemaVersion: 2
  mediaType?: string
  config: Descriptor
  layers: Descriptor[]
  annotations?: Record<string, string>
}

/** How a container of the image is to be started. Written with capitals, as Docker had it first. */
export interface Start {
  User?: string
  Env?: string[]
  Entrypoint?: string[] | null
  Cmd?: string[] | null
  WorkingDir?: string
  ExposedPorts?: Record<string, object>
  Volumes?: Record<string, object> | null
  Labels?: Record<string, string> | null
  StopSignal?: string
  [more: string]: unknown
}

/** A step that the image was made in. */
export interface Step {
  /** RFC 3339. */
  created?: string
  created_by?: string
  author?: string
  comment?: string
  /** It changed no file, and has no layer. */
  empty_layer?: boolean
}

/** What the config blob says. Its digest is the image's id. OCI image-spec, config.md. */
export interface Config extends Platform {
  created?: string
  author?: string
  config?: Start
  /** The digests of the layers' plain tars, lowest first. */
  rootfs: { type: 'layers'; diff_ids: Digest[] }
  history?: Step[]
  [more: string]: unknown
}

/** A layer of an image in the store. */
export interface Layer {
  /** Of the plain tar. What is unpacked is found by it. */
  diffId: Digest
  /** Of the blob, compressed or not. */
  digest: Digest
  mediaType: string
  /** Bytes of the blob. */
  size: number
  /** Unpacked: a lower folder for overlayfs. Never write to it. */
  folder: string
}

/** An image in the store. */
export interface Image {
  /** The digest of its config: images with one id are the same, whatever compressed them. */
  id: Digest
  /** The digest of its manifest. */
  manifest: Digest
  /** `name:tag`, sorted. None for an image that lost its name. */
  references: string[]
  config: Config
  /** Lowest first, as in the config. */
  layers: Layer[]
  /** Bytes of its files, unpacked. Layers that others share count too. */
  size: number
}

/** A step of an image with the layer that it made, if any. */
export interface HistoryStep extends Step {
  layer?: Layer
  /** Bytes of the layer's files, unpacked. */
  size: number
}

/** Who uses an image. */
export interface User {
  /** The container's id. */
  id: string
  /** What people call it. */
  name: string
  image: Digest
  /** Its process, and when that started (/proc/<pid>/stat, field 22). Once that is gone the image is free again. */
  engine?: { pid: number; since: string }
}

/** How much an archive may unpack to: what is said of it cannot be believed. */
export interface Limit {
  /** Bytes of a layer's plain tar. */
  bytes: number
  /** Files, folders and links of a layer. */
  entries: number
}

/** What every import can be told. */
export interface ImportOptions {
  /** The name in the store; else the archive's own. */
  reference?: string
  limit?: Partial<Limit>
  /** Hears what was left out or is odd, a sentence each. */
  warn?: (message: string) => void
  /** Hears how far it is. */
  progress?: (done: { layer: number; of: number; bytes: number }) => void
}

/** What makes an image out of files. Those of a parent are kept where nothing is said. */
export interface NewImage {
  reference?: string
  /** Its layers come first, and its config is the one that changes. */
  parent?: Image
  /** Changes of the config. */
  config?: Start
  author?: string
  /** The step as `history` shows it. */
  createdBy?: string
  comment?: string
  /** RFC 3339; now, unless told. The same files, config and time make the same image. */
  created?: string
}

export interface LayerOptions {
  /**
   * `upper`: overlayfs's whiteouts and opaque folders become those of the tar. `plain`: a folder without such, all of
   * it.
   */
  from?: 'upper' | 'plain'
  /** No file is younger, in seconds since 1970: reproducible-builds.org's SOURCE_DATE_EPOCH. */
  newest?: number
  /** The container's user namespace had these: its files are written with the ids that it saw. */
  ids?: Ids
  warn?: (message: string) => void
}

export type Compression = 'gzip' | 'zstd' | 'none'

export interface ExportOptions {
  /** `oci`: an OCI image layout. `docker`: what docker save writes. */
  format: 'oci' | 'docker'
  /** Layers of an OCI layout are packed anew; else they stay as they are. Docker's are plain. */
  compression?: Compression
}

/** What was removed. */
export interface Removed {
  /** References that are gone. */
  untagged: string[]
  /** Ids of images that are gone. */
  images: Digest[]
  /** Diff ids of layers that no image has any more. */
  layers: Digest[]
  /** Bytes on disk. */
  freed: number
}

/**
 * A store of images. Every method throws an ImageError (errors.ts) for what can go wrong by bad input or bad luck; its
 * `code` tells which.
 */
export interface Store {
  /** Its folder, absolute. */
  readonly root: string
  /** Overlay's own attributes are user.overlay.* here, not trusted.overlay.*: mount with `userxattr`. */
  readonly userxattr: boolean

  /** All images, newest first. */
  images(): Image[]
  /**
   * The image that is meant by `name`, `name:tag`, `sha256:…`, an id, or the beginning of one.
   *
   * @throws {ImageError} NOT_FOUND; AMBIGUOUS, with the candidates
   */
  find(wish: string): Image
  /** The steps of an image, newest first. */
  history(image: Image): HistoryStep[]
  /** The folders of its layers, lowest first: `lower` of a Union (given/union.ts). */
  lower(image: Image): string[]

  /** Gives an image one more name. Another image that has it loses it. */
  tag(image: Image, reference: string): Promise<void>
  /**
   * Takes a name away and, with the last, the image and the layers that no other needs. Given an id: the image with all
   * its names.
   *
   * @throws {ImageError} IN_USE while a container uses it; NOT_FOUND
   */
  remove(wish: string): Promise<Removed>
  /** Removes images without a name, or all that no container uses, and whatever belongs to no image. */
  prune(options?: { all?: boolean }): Promise<Removed>

  /** Says that a container uses the image. Until `release` it cannot be removed. */
  hold(image: Image, user: Omit<User, 'image'>): Promise<void>
  /** A second time there is nothing to do. */
  release(id: string): void
  /** Who uses images now. */
  users(): User[]

  /** Takes the images of a file or a folder: OCI image layout or docker save's archive, packed or not. */
  load(path: string, options?: ImportOptions): Promise<Image[]>
  /** Makes an image of one layer from a tar, packed or not, or from a folder. */
  import(path: string, image: NewImage, options?: ImportOptions): Promise<Image>
  /** Writes images to a file, or to a folder that does not exist or is empty (OCI only, where `path` ends with a slash). */
  save(images: Image[], path: string, options: ExportOptions): Promise<void>
  /**
   * Makes an image: the parent's layers, one more of what an upper folder holds, and a changed config. Without `upper`
   * it is a step without a layer, such as one that sets Cmd.
   */
  commit(upper: string | undefined, image: NewImage, options?: LayerOptions): Promise<Image>
}
