import { table } from '#given/show.ts'
import { short } from '../../lessons/10-images/given/digest.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { command } from '../lib/command.ts'
import { ago, imageNamed, inBytes, noMore, storeOptions, wanted } from '../lib/images.ts'
import * as user from './options/user.ts'

await command(
  {
    name: 'box',
    usage: 'npm run box -- history IMAGE',
    about:
      'The steps that an image was made in, newest first, and the layer of each: `-` for one that changed no file.',
    options: { ...storeOptions, json: { type: 'boolean', description: 'as JSON, a line; bytes' } },
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 1)
    const store = openStore()
    const steps = store.history(imageNamed(store, wanted(positionals[0], 'the image')))
    if (values.json) console.log(JSON.stringify(steps))
    else {
      const rows = steps.map(({ layer, created, created_by = '', size }) => {
        return [layer ? short(layer.diffId) : '-', layer ? inBytes(size) : '', ago(created), oneLine(created_by)]
      })
      table(['LAYER', 'SIZE', 'CREATED', 'STEP'], rows)
    }
    return 0
  },
)

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}
