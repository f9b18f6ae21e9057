import { openStore } from '../../lessons/10-images/given/store.ts'
import { releaseStale } from '../../lessons/11-box/given/holds.ts'
import { command } from '../lib/command.ts'
import { noMore, report, storeOptions } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- prune',
    about: 'Removes the images without a name, the steps of builds among them, and whatever belongs to no image.',
    options: {
      ...storeOptions,
      all: { type: 'boolean', description: 'images with a name, too, where no container uses them' },
    },
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 0)
    const store = openStore()
    await releaseStale(store)
    const removed = await store.prune({ all: Boolean(values.all) })
    report(removed)
    if (removed.images.length + removed.layers.length === 0 && removed.freed === 0) console.log('Nothing to prune.')
    return 0
  },
)
