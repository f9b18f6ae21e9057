import type { Spec } from '#given/mechanism.ts'
import { engine } from '#given/running.ts'
import type { Image, Store } from '../../../lessons/10-images/given/interface.ts'

/** An image that a container is to be of. */
export interface Chosen {
  /** As it was typed. */
  wish: string
  image: Image
  store: Store
  /** The folders of its layers, the lowest first. */
  lower: string[]
}

/**
 * Finds an image in the store.
 *
 * @throws {UsageError} where it is not there
 */
export async function chooseImage(wish: string): Promise<Chosen> {
  const { openStore } = await import('../../../lessons/10-images/given/store.ts')
  const store = openStore()
  const { imageNamed } = await import('../../lib/images.ts')
  const image = imageNamed(store, wish)
  return { wish, image, store, lower: store.lower(image) }
}

/** What the image says of how it is to be started, in the place of what nobody has said. */
export interface Defaults {
  argv: string[]
  env: Record<string, string>
  cwd: string
  user: string | undefined
}

/** What an image says of the start of its containers. `argv` and `entrypoint` are what was typed. */
export function defaults({ config }: Image, argv: string[], entrypoint?: string[]): Defaults {
  const { Entrypoint, Cmd, Env, WorkingDir, User } = config.config ?? {}
  const first = entrypoint ?? Entrypoint ?? []
  const rest = argv.length > 0 ? argv : entrypoint ? [] : (Cmd ?? [])
  return {
    argv: [...first, ...rest],
    env: Object.fromEntries((Env ?? []).map(variable)),
    cwd: WorkingDir || '/',
    user: User || undefined,
  }
}

function variable(text: string): [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** Lets nobody remove an image while `work` uses it, for a container of this spec. */
export async function holding<T>({ image, store }: Chosen, { id, name }: Spec, work: () => Promise<T>): Promise<T> {
  await store.hold(image, { id, name, engine: engine() })
  try {
    return await work()
  } finally {
    store.release(id)
  }
}
