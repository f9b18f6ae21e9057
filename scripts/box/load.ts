import { resolve } from 'node:path'
import { short } from '../../lessons/10-images/given/digest.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { callersFolder, command } from '../lib/command.ts'
import { noMore, storeOptions, wanted } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- load FILE|DIR',
    about: `Takes the images of an archive: what docker save or podman save writes, or an OCI image layout, packed or not, with
layers that are packed by gzip, zstd or not at all.`,
    options: {
      ...storeOptions,
      tag: { type: 'string', value: 'NAME[:TAG]', description: "its name; the archive's own unless given" },
    },
    examples: ['docker save debian | gzip > debian.tar.gz', 'npm run box -- load debian.tar.gz'],
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 1)
    const path = resolve(callersFolder, wanted(positionals[0], 'the archive'))
    const reference = values.tag as string | undefined
    const warn = (message: string) => console.error(`box: ${message}`)
    const images = await openStore().load(path, { ...(reference ? { reference } : {}), warn })
    for (const { id, references } of images) console.log(`${references.join(' ') || '-'}   ${short(id)}`)
    return 0
  },
)
