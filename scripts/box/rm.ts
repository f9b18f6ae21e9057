import { UsageError } from '#given/errors.ts'
import { stop } from '../../lessons/11-box/given/ending.ts'
import { folderOf, readKept, removeEnded } from '../../lessons/11-box/given/kept.ts'
import { type Box, boxesNamed, forEach, settled, untilGone } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { isAlive, verb } from '../lib/verbs.ts'

const SIGKILL = 9

await command(
  verb({
    usage: 'rm [-f] NAME…',
    about: 'Removes containers that do not run, with all that they have changed, and what they have printed.',
    options: { force: { type: 'boolean', short: 'f', description: 'kill those that run' } },
    examples: ['rm web', 'rm -f web db'],
  }),
  async ({ values, positionals }) => {
    return forEach(await boxesNamed(positionals), (box) => removeOne(box, Boolean(values.force)))
  },
)

async function removeOne(wish: Box, force: boolean): Promise<void> {
  if (!force) refuseRunning(wish)
  const box = await settled(wish)
  if (box.state.entry) await stop(box.state.entry, SIGKILL, 0)
  await untilGone(box)
  if (box.kept && readKept(folderOf(box.id))) await removeEnded(box.kept) // one with --rm may have gone by itself
}

function refuseRunning(box: Box): void {
  const { name, state } = box
  if (!isAlive(box)) return
  const verb = state.status === 'paused' ? 'is paused' : 'runs'
  throw new UsageError(`'${name}' ${verb}: npm run box -- stop ${name} first, or rm -f ${name}`, 125)
}
