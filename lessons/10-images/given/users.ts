/*
 * Which containers use which images: a file each. There is no daemon that would know.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { since } from '#given/running.ts'
import { ImageError } from './errors.ts'
import { replaceFile } from './files.ts'
import { readIndex } from './index.ts'
import type { Digest, Image, User } from './interface.ts'
import { locked } from './lock.ts'
import type { Paths } from './place.ts'

/** Says that a container uses the image: store.hold(). */
export async function hold(store: Paths, image: Image, user: Omit<User, 'image'>): Promise<void> {
  await locked(store.lock, 'shared', () => {
    const there = readIndex(store).some(({ digest }) => digest === image.manifest)
    if (!there) throw new ImageError('NOT_FOUND', `the image ${image.id} has just been removed`)
    replaceFile(fileOf(store, user.id), JSON.stringify({ ...user, image: image.id }))
  })
}

/** The container uses it no longer. */
export function release(store: Paths, id: string): void {
  rmSync(fileOf(store, id), { force: true })
}

/** Who uses images now. A container whose engine was killed is no user any more. */
export function users(store: Paths): User[] {
  const names = readdirSync(store.users).filter((name) => name.endsWith('.json'))
  return names.flatMap((name) => read(join(store.users, name)) ?? []).filter(isThere)
}

/** Those of one image. */
export const usersOf = (store: Paths, id: Digest) => users(store).filter(({ image }) => image === id)

function fileOf(store: Paths, id: string): string {
  if (!/^[\w.-]+$/.test(id)) throw new ImageError('BAD_NAME', `'${id}' is no id of a container`)
  return join(store.users, `${id}.json`)
}

function read(file: string): User | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // released meanwhile
  }
}

const isThere = ({ engine }: User) => engine === undefined || since(engine.pid) === engine.since
