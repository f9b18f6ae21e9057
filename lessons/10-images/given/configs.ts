/*
 * Configs of new images: what the parent's said, one layer and one step more.
 */
import type { Config, Digest, NewImage, Start, Step } from './interface.ts'

/** This machine as Go and so OCI calls it. */
export const PLATFORM = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }

/** The config of an image that is made of another, or of none. */
export function newConfig(image: NewImage, diffId: Digest | undefined): Config {
  const { parent, author, createdBy, comment, created = new Date().toISOString() } = image
  const before = parent?.config
  const step: Step = {
    created,
    ...(createdBy === undefined ? {} : { created_by: createdBy }),
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
    ...(diffId === undefined ? { empty_layer: true } : {}),
  }
  const layers = before?.rootfs.diff_ids ?? []
  return {
    ...(before ?? PLATFORM),
    created,
    ...(author === undefined ? {} : { author }),
    config: merged(before?.config ?? {}, image.config ?? {}),
    rootfs: { type: 'layers', diff_ids: diffId === undefined ? layers : [...layers, diffId] },
    history: [...(before?.history ?? []), step],
  }
}

/** Variables and labels are added one by one; the rest is replaced. A new Entrypoint makes an old Cmd meaningless. */
function merged(before: Start, change: Start): Start {
  const result = { ...before, ...change }
  if (change.Env) result.Env = mergedEnv(before.Env ?? [], change.Env)
  if (change.Labels) result.Labels = { ...before.Labels, ...change.Labels }
  if (change.Entrypoint !== undefined && change.Cmd === undefined) delete result.Cmd
  return result
}

const keyOf = (variable: string) => variable.split('=', 1)[0]

function mergedEnv(before: string[], change: string[]): string[] {
  const changed = new Set(change.map(keyOf))
  return [...before.filter((variable) => !changed.has(keyOf(variable))), ...change]
}
