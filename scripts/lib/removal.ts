import { UsageError } from '#given/errors.ts'
import { stop } from '../../lessons/11-box/given/ending.ts'
import { folderOf, readKept, removeEnded } from '../../lessons/11-box/given/kept.ts'
import { type Box, settled, untilGone } from './boxes.ts'
import { isAlive } from './verbs.ts'

const SIGKILL = 9

/**
 * Removes a container, with all that it has changed, and what it has printed.
 *
 * @param force kill it where it runs
 * @throws {UsageError} where it runs, unless it is to be killed
 */
export async function removeBox(wish: Box, force: boolean): Promise<void> {
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
