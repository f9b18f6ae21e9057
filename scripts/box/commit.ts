import { short } from '../../lessons/10-images/given/digest.ts'
import type { NewImage } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { command } from '../lib/command.ts'
import { containersNamed } from '../lib/containers.ts'
import { imageOf, inBytes, noMore, storeOptions, wanted } from '../lib/images.ts'
import { whileFrozen } from '../lib/pause.ts'
import { parseCommand } from './options/config.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- commit CONTAINER NAME[:TAG]',
    about: `Makes an image of a running container: the layers of its image, and one more of what it has changed. It stands still
meanwhile, where it has a cgroup. What it has in memory, in volumes and on /dev, /proc and /sys is no part of it.`,
    options: {
      ...storeOptions,
      cmd: { type: 'string', value: 'CMD', description: 'the command: for sh, or a JSON array of words' },
      message: { type: 'string', short: 'm', value: 'TEXT', description: 'a remark for the history' },
    },
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 2)
    const name = wanted(positionals[0], 'the container')
    const reference = wanted(positionals[1], 'the name of the image')
    const store = openStore()
    const [entry] = containersNamed([name])
    if (!entry) return 1
    const parent = imageOf(store, entry)
    const { union, mechanisms, ids, argv } = entry.container.spec
    const wish: NewImage = {
      ...{ reference, parent, createdBy: argv.join(' ') },
      ...(values.cmd ? { config: { Cmd: parseCommand(String(values.cmd)) } } : {}),
      ...(values.message ? { comment: String(values.message) } : {}),
    }
    const options = mechanisms.includes('user') ? { ids } : {}
    const image = await whileFrozen(entry, () => store.commit(union?.upper, wish, options))
    console.log(`${image.references.join(' ')}   ${short(image.id)}   ${inBytes(image.size)}`)
    return 0
  },
)
