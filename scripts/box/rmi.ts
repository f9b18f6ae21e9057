import { openStore } from '../../lessons/10-images/given/store.ts'
import { releaseStale } from '../../lessons/11-box/given/holds.ts'
import { command } from '../lib/command.ts'
import { imageNamed, report, storeOptions, wanted } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- rmi IMAGE…',
    about: `Takes a name away and, with the last, the image and what layers no other has. An id takes all its names.
An image that a container uses stays, also where that has ended and is kept: box rm removes it.`,
    options: storeOptions,
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ positionals }) => {
    wanted(positionals[0], 'the image')
    const store = openStore()
    await releaseStale(store)
    for (const wish of positionals) {
      imageNamed(store, wish) // an unknown one gets a suggestion
      report(await store.remove(wish))
    }
    return 0
  },
)
