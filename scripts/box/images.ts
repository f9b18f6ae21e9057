import { short } from '../../lessons/10-images/given/digest.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { releaseStale } from '../../lessons/11-box/given/holds.ts'
import { command } from '../lib/command.ts'
import { fittedTable } from '../lib/fitted.ts'
import { ago, imageNamed, inBytes, storeOptions } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- images [IMAGE…]',
    about: `The images there are, newest first. SIZE counts the files of all its layers; layers that images share lie
on the disk once. USED BY: containers, those that are kept among them; box rmi leaves such an image.`,
    options: {
      ...storeOptions,
      quiet: { type: 'boolean', short: 'q', description: 'ids only' },
      json: { type: 'boolean', description: 'as JSON, a line; bytes' },
    },
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    const store = openStore()
    await releaseStale(store)
    const users = store.users()
    const usedBy = (id: string) => users.filter(({ image }) => image === id).map(({ name }) => name)
    const all = positionals.length > 0 ? positionals.map((wish) => imageNamed(store, wish)) : store.images()
    if (values.json) {
      const lines = all.map(({ id, references, config, layers, size }) => ({
        ...{ id, references, created: config.created ?? null, size },
        layers: layers.map(({ diffId }) => diffId),
        containers: usedBy(id),
      }))
      console.log(JSON.stringify(lines))
    } else if (values.quiet) for (const { id } of all) console.log(short(id))
    else {
      const rows = all.flatMap(({ id, references, config, layers, size }) =>
        (references.length > 0 ? references : ['-']).map((reference) => {
          return [reference, short(id), String(layers.length), inBytes(size), ago(config.created), usedBy(id).join(' ')]
        }),
      )
      const headings = ['IMAGE', 'ID', 'LAYERS', 'SIZE', 'CREATED', ...(users.length > 0 ? ['USED BY'] : [])]
      fittedTable(headings, rows, { IMAGE: 8, 'USED BY': 7 })
    }
    return 0
  },
)
