import { existsSync } from '#given/fs.ts'
import { short } from '../../lessons/10-images/given/digest.ts'
import type { NewImage } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { boxNamed, settled } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { imageOf, inBytes, noMore, storeOptions, wanted } from '../lib/images.ts'
import { whileFrozen } from '../lib/pause.ts'
import { parseCommand } from './options/config.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- commit CONTAINER NAME[:TAG]',
    about: `Makes an image of a container: the layers of its image, and one more of what it has changed. One that runs stands
still meanwhile, where it has a cgroup. What it has in memory, in volumes and on /dev, /proc and /sys is no part of it.`,
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
    const box = await settled(await boxNamed(name))
    const parent = imageOf(store, box)
    const { union, mechanisms, ids, argv } = box.spec
    const upper = union && existsSync(union.upper) ? union.upper : undefined // one that never ran has changed nothing
    const wish: NewImage = {
      ...{ reference, parent, createdBy: argv.join(' ') },
      ...(values.cmd ? { config: { Cmd: parseCommand(String(values.cmd)) } } : {}),
      ...(values.message ? { comment: String(values.message) } : {}),
    }
    const options = mechanisms.includes('user') ? { ids } : {}
    const work = () => store.commit(upper, wish, options)
    const { entry } = box.state
    const image = entry ? await whileFrozen(entry, work) : await work()
    console.log(`${image.references.join(' ')}   ${short(image.id)}   ${inBytes(image.size)}`)
    return 0
  },
)
