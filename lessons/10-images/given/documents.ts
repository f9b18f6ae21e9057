/*
 * The JSON texts of images, as they must look before anything in them is used. What else they say is kept.
 */
import { z } from 'zod'
import { asDigest } from './digest.ts'
import { ImageError } from './errors.ts'
import type { Digest as Checked } from './interface.ts'

const Digest = z.string().transform((text): Checked => asDigest(text))
const Platform = z.looseObject({ os: z.string(), architecture: z.string(), variant: z.string().optional() })

const Descriptor = z.looseObject({
  mediaType: z.string(),
  digest: Digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: Platform.nullish(),
})

export type FoundDescriptor = z.infer<typeof Descriptor>

const Version = z.literal(2)

/** The file oci-layout. */
export const LayoutText = z.looseObject({ imageLayoutVersion: z.string() })

/** An image index, or Docker's list of manifests. */
export const IndexText = z.looseObject({ schemaVersion: Version, manifests: z.array(Descriptor) })

/** An image manifest of OCI or Docker. */
export const ManifestText = z.looseObject({
  schemaVersion: Version,
  mediaType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor),
})

/** An image config of OCI or Docker. */
export const ConfigText = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: z.array(Digest) }),
})

/** manifest.json of docker save. */
export const DockerText = z.array(
  z.looseObject({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }),
)

/**
 * Reads a JSON text.
 *
 * @throws {ImageError} BAD_ARCHIVE with what is wrong in it, and where
 */
export function parseText<T>(what: string, text: Buffer, schema: z.ZodType<T>): T {
  let data: unknown
  try {
    data = JSON.parse(text.toString('utf8'))
  } catch (error) {
    throw new ImageError('BAD_ARCHIVE', `${what} is no JSON: ${(error as Error).message}`)
  }
  const { success, error, data: parsed } = schema.safeParse(data)
  if (success) return parsed
  const [issue] = error.issues
  throw new ImageError('BAD_ARCHIVE', `${what}: ${issue?.path.join('.') || 'it'}: ${issue?.message}`)
}
