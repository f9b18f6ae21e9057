import { resolve } from 'node:path'
import { short } from '../../lessons/10-images/given/digest.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { callersFolder, command } from '../lib/command.ts'
import { inBytes, noMore, storeOptions, wanted } from '../lib/images.ts'
import { list, parseCommand } from './options/config.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- import FILE|DIR NAME[:TAG]',
    about: 'Makes an image of one layer: from a tar, packed or not, such as docker export writes, or from a folder.',
    options: {
      ...storeOptions,
      cmd: { type: 'string', value: 'CMD', description: 'its command: for sh, or a JSON array of words' },
      env: { type: 'string', multiple: true, value: 'K=V', description: 'a variable of its environment; often, too' },
    },
    examples: ['npm run box -- import .workshop/rootfs workshop', 'npm run box -- run workshop -- sh'],
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 2)
    const path = resolve(callersFolder, wanted(positionals[0], 'the file or folder'))
    const reference = wanted(positionals[1], 'the name of the image')
    const Env = list(values.env)
    const config = {
      ...(values.cmd ? { Cmd: parseCommand(String(values.cmd)) } : {}),
      ...(Env.length > 0 ? { Env } : {}),
    }
    const warn = (message: string) => console.error(`box: ${message}`)
    const image = await openStore().import(path, { reference, config, createdBy: `import ${positionals[0]}` }, { warn })
    console.log(`${image.references.join(' ')}   ${short(image.id)}   ${inBytes(image.size)}`)
    return 0
  },
)
