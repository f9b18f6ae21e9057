/*
 * What the supervisor becomes when the container has ended: removes what was made for it outside, waits until all that
 * it printed is in its log, and removes all of it where that was the wish. Whatever fails here is tried again by the
 * next command.
 *
 *     node finish.ts FOLDER
 */
import { wait } from '#given/cgroups/configure.ts'
import { closeOnExec, unblockSignals } from '#given/exec.ts'
import { closeSync, openSync } from '#given/fs.ts'
import { seconds } from '#given/patience.ts'
import { cleanUp, entryOf } from '#given/running.ts'
import { readKept, remove } from './kept.ts'
import { isComplete } from './streams.ts'
import { EXIT } from './supervisor.ts'

closeOnExec(EXIT) // as long as we run, and no longer, the container has not quite ended
unblockSignals()

const [folder = ''] = process.argv.slice(2)
const container = readKept(folder)
const entry = container && entryOf(container.order.spec.id)
if (entry) await cleanUp(entry)
if (container) completeLog()
if (container?.remove) await remove(container)

/** Ours is the last end of the pipe to write to: without it, who copies comes to the end. */
function completeLog(): void {
  for (const fd of [1, 2]) {
    closeSync(fd)
    openSync('/dev/null', 'w') // which takes the number
  }
  for (const deadline = Date.now() + seconds(5); !isComplete(folder) && Date.now() < deadline; ) wait(2)
}
