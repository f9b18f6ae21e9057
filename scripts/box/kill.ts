import { signal } from '../../lessons/11-box/given/ending.ts'
import { ending } from '../../lessons/11-box/given/log.ts'
import { type Box, boxesNamed, entryOf, forEach, settled } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { signalNumber } from '../lib/signals.ts'
import { verb } from '../lib/verbs.ts'

const SIGKILL = 9
const SIGCONT = 18

await command(
  verb({
    usage: 'kill [-s SIGNAL] NAME…',
    about: `Sends a signal to the first process of containers: SIGKILL unless another is given, and then it returns when they have
ended. As pid 1 a command gets no other signal that it has no handler for: pid_namespaces(7).`,
    options: {
      signal: { type: 'string', short: 's', value: 'SIGNAL', description: 'its name, with or without SIG, or number' },
    },
    examples: ['kill web', 'kill -s HUP web'],
  }),
  async ({ values, positionals }) => {
    const number = signalNumber(String(values.signal ?? SIGKILL))
    return forEach(await boxesNamed(positionals), (box) => send(box, number))
  },
)

async function send(wish: Box, number: number): Promise<void> {
  const box = await settled(wish)
  const { name, state } = box
  const entry = entryOf(box)
  const end = number === SIGKILL ? ending(entry) : undefined
  await signal(entry, number)
  await end
  if (state.status === 'paused' && !end && number !== SIGCONT)
    console.error(`box: '${name}' is paused, and gets it when it goes on: npm run box -- unpause ${name}`)
}
