/*
 * Containers that are kept hold their images, so that nobody removes those. create() holds the image first and writes the
 * container down after that: killed in between, it leaves a hold of a container that there never was.
 */
import { existsSync } from '#given/fs.ts'
import type { Store } from '../../10-images/given/interface.ts'
import { folderOf, whileNobodyCreates } from './kept.ts'

/** Gives free the images that are held for containers that are none. */
export async function releaseStale(store: Store): Promise<void> {
  const stale = () => store.users().filter(({ id, engine }) => !engine && !existsSync(`${folderOf(id)}/container.json`))
  if (stale().length === 0) return
  await whileNobodyCreates(() => {
    for (const { id } of stale()) store.release(id)
  })
}
