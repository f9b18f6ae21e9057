import { stop } from '../../lessons/11-box/given/ending.ts'
import { type Box, boxesNamed, forEach, settled, untilGone } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { signalNumber } from '../lib/signals.ts'
import { count, verb } from '../lib/verbs.ts'

const PATIENCE = 10 // seconds, as Docker's

await command(
  verb({
    usage: 'stop [-t SECONDS] NAME…',
    about: `Asks containers to end, by SIGTERM or what their image says, and kills those that have not ended in time. As pid 1
a command gets no signal that it has no handler for: pid_namespaces(7). One that is paused goes on first.`,
    options: {
      time: {
        type: 'string',
        short: 't',
        value: 'SECONDS',
        description: `how long they have; ${PATIENCE} unless given`,
      },
    },
    examples: ['run -d --name web -- httpd', 'stop web', 'stop -t 1 web db'],
  }),
  async ({ values, positionals }) => {
    const time = count(values.time, '--time', PATIENCE) * 1000
    return forEach(await boxesNamed(positionals), (box) => stopOne(box, time))
  },
)

async function stopOne(wish: Box, time: number): Promise<void> {
  const box = await settled(wish)
  if (box.state.entry) await stop(box.state.entry, asks(box), time)
  await untilGone(box)
}

/** An image can say anything. */
function asks({ name, kept }: Box): number {
  try {
    return signalNumber(kept?.stopSignal ?? 'SIGTERM')
  } catch (error) {
    console.error(`box: the image of '${name}' says how to stop it, but ${(error as Error).message}`)
    return signalNumber('SIGTERM')
  }
}
