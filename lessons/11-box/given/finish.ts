/*
 * What the supervisor becomes when the container has ended: removes what was made for it outside, and all of it where
 * that was the wish. Whatever fails here is tried again by the next command.
 *
 *     node finish.ts FOLDER
 */
import { closeOnExec, unblockSignals } from '#given/exec.ts'
import { cleanUp, entryOf } from '#given/running.ts'
import { readKept, remove } from './kept.ts'
import { EXIT } from './supervisor.ts'

closeOnExec(EXIT) // as long as we run, and no longer, the container has not quite ended
unblockSignals()

const [folder = ''] = process.argv.slice(2)
const container = readKept(folder)
const entry = container && entryOf(container.order.spec.id)
if (entry) await cleanUp(entry)
if (container?.remove) await remove(container)
