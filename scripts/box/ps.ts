import { allBoxes } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { noMore } from '../lib/images.ts'
import { listBoxes, plain } from '../lib/listed.ts'
import { rootNames } from '../lib/roots.ts'
import { isAlive, verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'ps [-a]',
    about: `The containers that run, the oldest first: those in the background, and those in somebody's foreground.
Lost: what waited for it was killed, and it with that; nobody knows its exit code.`,
    options: {
      all: { type: 'boolean', short: 'a', description: 'those that do not run, too' },
      quiet: { type: 'boolean', short: 'q', description: 'ids only' },
      json: { type: 'boolean', description: 'as JSON, a line; times in milliseconds since 1970' },
    },
  }),
  async ({ values, positionals }) => {
    noMore(positionals, 0)
    const boxes = (await allBoxes()).filter((box) => values.all || isAlive(box))
    const rootOf = await rootNames()
    if (values.json) console.log(JSON.stringify(boxes.map((box) => plain(box, rootOf(box)))))
    else if (values.quiet) for (const { id } of boxes) console.log(id)
    else listBoxes(boxes, rootOf)
    return 0
  },
)
