import { UsageError } from '#given/errors.ts'
import { existsSync, lstatSync } from '#given/fs.ts'
import { importFile } from '#given/stack.ts'
import type { changes } from '../../solutions/10-images/images.ts'
import { boxNamed, layersOf } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { noMore, storeOptions, wanted } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- diff CONTAINER',
    about: `What a container has changed in its root, one that has ended and is kept as well: A added, C changed, D deleted.`,
    options: storeOptions,
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ positionals }) => {
    noMore(positionals, 1)
    const box = await boxNamed(wanted(positionals[0], 'the container'))
    const { union } = box.spec
    const file = layersOf(box).find(({ name }) => name === 'images')?.file
    if (!union || !file)
      throw new UsageError('its root is a folder that it writes to itself: nobody knows what was there before', 125)
    const read = (await importFile(file)).changes as typeof changes
    const wasThere = (path: string) => union.lower.some((folder) => lstatSync(folder + path, { throwIfNoEntry: false }))
    if (!existsSync(union.upper)) return 0 // never started
    for (const { path, kind } of read(union.upper)) {
      console.log(`${kind === 'deleted' ? 'D' : wasThere(path) ? 'C' : 'A'} ${path}`)
    }
    return 0
  },
)
