import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Image, Store } from '../../lessons/10-images/given/interface.ts'
import { tarOf, type Wanted } from './tars.ts'

/** What is to be seen of the image of twoLayers(): files of both, and neither `etc/gone` nor `srv/old/a`. */
export const SEEN = ['etc/app', 'etc/release', 'srv/old/b']

/** An image of two layers: the upper one adds, removes, and replaces a folder. Its archives are made in `folder`. */
export async function twoLayers(store: Store, folder: string, reference = 'web:1'): Promise<Image> {
  const layer = (name: string, ...entries: Wanted[]) => {
    writeFileSync(join(folder, name), tarOf(...entries))
    return join(folder, name)
  }
  const base = layer(
    'base.tar',
    { path: 'etc/', kind: 'folder', mode: 0o755 },
    { path: 'etc/release', data: 'base' },
    { path: 'etc/gone' },
    { path: 'srv/', kind: 'folder', mode: 0o755 },
    { path: 'srv/old/', kind: 'folder', mode: 0o755 },
    { path: 'srv/old/a' },
  )
  const upper = layer(
    'upper.tar',
    { path: 'etc/', kind: 'folder', mode: 0o755 },
    { path: 'etc/app', data: 'app' },
    { path: 'etc/.wh.gone' },
    { path: 'srv/old/', kind: 'folder', mode: 0o755 },
    { path: 'srv/old/.wh..wh..opq' },
    { path: 'srv/old/b' },
  )
  const parent = await store.import(base, { created: '2024-01-01T00:00:00Z' })
  const files = await store.import(upper, { parent, created: '2024-01-02T00:00:00Z' })
  const config = { Cmd: ['cat', '/etc/app'], Env: ['A=b'] }
  return store.commit(undefined, { parent: files, reference, config, created: '2024-01-02T00:00:00Z' })
}
