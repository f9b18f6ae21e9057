import { boxesNamed } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { inspected } from '../lib/inspected.ts'
import { rootNames } from '../lib/roots.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'inspect NAME…',
    about: `All that is known of containers, as a JSON array: what was asked for and, while one runs, what the kernel says of its
first process. Times are in milliseconds since 1970.`,
    examples: ['inspect web', 'inspect web | jq .[0].network.address'],
  }),
  async ({ positionals }) => {
    const boxes = await boxesNamed(positionals)
    const rootOf = await rootNames()
    console.log(JSON.stringify(await Promise.all(boxes.map((box) => inspected(box, rootOf(box)))), null, 2))
    return 0
  },
)
