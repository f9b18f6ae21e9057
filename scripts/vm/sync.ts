import { watch as watchFiles } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { project } from '../lib/lessons.ts'
import { requireRunning, vagrant } from './machine.ts'

const OTHERS = /^(\.git|\.vagrant|\.workshop|node_modules)(\/|$)/ // as in the Vagrantfile

/** Brings the project's files into the machine, where they are no shared folder. */
export async function sync(): Promise<number> {
  await requireRunning()
  return vagrant('rsync', 'default')
}

/** Brings them whenever one is saved, until Ctrl-C. */
export async function watch(): Promise<number> {
  const first = await sync()
  if (first !== 0) return first
  console.log('Watching: save a file, and it is in the machine seconds later. Ctrl-C ends this.')
  let changed = false
  let wake = () => {}
  watchFiles(project, { recursive: true }, (_, name) => {
    if (!name || OTHERS.test(String(name))) return
    changed = true
    wake()
  })
  for (;;) {
    if (!changed) await new Promise<void>((resolve) => (wake = resolve))
    await sleep(100) // editors write a file in several strokes
    changed = false
    await vagrant('rsync', 'default')
  }
}
