/*
 * A store of images: interface.ts says what it can do. To look into it takes little; what reads and writes archives is
 * loaded when it is wanted, since the start of a container is measured.
 */
import { storeFolder } from '#given/union.ts'
import { attributeSpace } from './attributes.ts'
import { ImageError } from './errors.ts'
import { changeIndex, find, images, listed } from './index.ts'
import type { HistoryStep, Image, Step, Store } from './interface.ts'
import { locked } from './lock.ts'
import { layerNote } from './notes.ts'
import { makeStore, type Paths } from './place.ts'
import { asReference } from './references.ts'
import { hold, release, users } from './users.ts'

/**
 * Opens the store of who calls, or the one in `root`, and makes it where there is none.
 *
 * @throws {ImageError} BAD_STORE
 */
export function openStore(root: string = storeFolder()): Store {
  const store = makeStore(root)
  return {
    root,
    get userxattr() {
      return attributeSpace(store.tmp) === 'user'
    },
    images: () => images(store),
    find: (wish) => find(store, wish),
    history: (image) => history(store, image),
    lower: ({ layers }) => layers.map(({ folder }) => folder),
    tag: (image, reference) => tag(store, image, reference),
    remove: async (wish) => (await import('./remove.ts')).remove(store, wish),
    prune: async (options) => (await import('./remove.ts')).prune(store, options),
    hold: (image, user) => hold(store, image, user),
    release: (id) => release(store, id),
    users: () => users(store),
    load: async (path, options) => (await import('./load.ts')).load(store, path, options),
    import: async (path, image, options) => (await import('./load.ts')).importFiles(store, path, image, options),
    save: async (list, path, options) => (await import('./save.ts')).save(store, list, path, options),
    commit: async (upper, image, options) => (await import('./load.ts')).commit(store, upper, image, options),
  }
}

function history(store: Paths, { config, layers }: Image): HistoryStep[] {
  const steps: Step[] = config.history ?? layers.map(() => ({}))
  let next = 0
  const all = steps.map((step): HistoryStep => {
    const layer = step.empty_layer ? undefined : layers[next++]
    return layer ? { ...step, layer, size: layerNote(store, layer.diffId).bytes } : { ...step, size: 0 }
  })
  return all.reverse()
}

async function tag(store: Paths, image: Image, reference: string): Promise<void> {
  const name = asReference(reference)
  await locked(store.lock, 'shared', () =>
    changeIndex(store, (list) => {
      const descriptor = list.find(({ digest }) => digest === image.manifest)
      if (!descriptor) throw new ImageError('NOT_FOUND', `the image ${image.id} has just been removed`)
      return listed(list, [{ descriptor, reference: name }])
    }),
  )
}
