import { UsageError } from '#given/errors.ts'
import { endOf } from '../../lessons/11-box/given/ending.ts'
import { type Box, boxesNamed } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'wait NAME…',
    about: `Waits until containers have ended, and prints the exit code of each, a line each. Of one that has ended already it
prints it at once.`,
    examples: ['run -d --name job -- sh -c "sleep 5; exit 3"', 'wait job'],
  }),
  async ({ positionals }) => {
    const ends = (await boxesNamed(positionals)).map(endOfBox) // all are open before the first may take its files along
    for (const end of ends) console.log(String(end()))
    return 0
  },
)

function endOfBox({ name, kept, state }: Box): () => number {
  if (!kept)
    throw new UsageError(`'${name}' runs in the foreground of another terminal: its exit code is that command's`, 125)
  if (state.status === 'created')
    throw new UsageError(`'${name}' has not been started: npm run box -- start ${name}`, 125)
  return endOf(kept)
}
