import { boxesNamed, forEach } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { removeBox } from '../lib/removal.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'rm [-f] NAME…',
    about: 'Removes containers that do not run, with all that they have changed, and what they have printed.',
    options: { force: { type: 'boolean', short: 'f', description: 'kill those that run' } },
    examples: ['rm web', 'rm -f web db'],
  }),
  async ({ values, positionals }) => {
    return forEach(await boxesNamed(positionals), (box) => removeBox(box, Boolean(values.force)))
  },
)
