import { existsSync } from '#given/fs.ts'
import { project } from '#given/spec.ts'
import { storeFolder } from '#given/union.ts'
import type { Box } from './boxes.ts'

/** Tells of each container what its root is: an image by its name, or a folder. */
export async function rootNames(): Promise<(box: Box) => string> {
  const images = await imagesInUse()
  return ({ id, kept, spec }) => kept?.image ?? images.get(id) ?? folderName(spec.union?.lower.at(-1) ?? spec.rootfs)
}

/** The images of those that are not kept, by their ids. */
async function imagesInUse(): Promise<Map<string, string>> {
  if (!existsSync(`${storeFolder()}/index.json`)) return new Map()
  const { openStore } = await import('../../lessons/10-images/given/store.ts')
  const store = openStore()
  const names = new Map(store.images().map(({ id, references }) => [id, references[0] ?? id.slice(0, 19)]))
  return new Map(store.users().map(({ id, image }) => [id, names.get(image) ?? image]))
}

/** The workshop's own folders by their names there. */
function folderName(path: string): string {
  return path.startsWith(`${project}/.workshop/`) ? path.slice(project.length + '/.workshop/'.length) : path
}
