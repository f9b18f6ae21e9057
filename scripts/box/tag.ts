import { openStore } from '../../lessons/10-images/given/store.ts'
import { command } from '../lib/command.ts'
import { imageNamed, noMore, storeOptions, wanted } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- tag IMAGE NAME[:TAG]',
    about: 'Gives an image one more name. Another image that has it loses it.',
    options: storeOptions,
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ positionals }) => {
    noMore(positionals, 2)
    const store = openStore()
    const image = imageNamed(store, wanted(positionals[0], 'the image'))
    await store.tag(image, wanted(positionals[1], 'its new name'))
    return 0
  },
)
