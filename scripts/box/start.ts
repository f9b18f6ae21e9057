import { closeSync, openSync } from 'node:fs'
import { UsageError } from '#given/errors.ts'
import { flushed, quit } from '#given/run.ts'
import { entryOf } from '#given/running.ts'
import { layer } from '#given/stack.ts'
import { attach } from '../../lessons/11-box/given/attach.ts'
import { endOf } from '../../lessons/11-box/given/ending.ts'
import type { Kept } from '../../lessons/11-box/given/kept.ts'
import { Log, logFile } from '../../lessons/11-box/given/log.ts'
import { exitFile } from '../../lessons/11-box/given/state.ts'
import { startDetached } from '../../lessons/11-box/given/supervisor.ts'
import { type Box, boxesNamed, forEach } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { noMore } from '../lib/images.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'start [-a] [-i] NAME…',
    about: `Starts containers that were created, or have ended, in the background: with the files that they have changed, and a
new address. Exit codes are those of box run.`,
    options: {
      attach: { type: 'boolean', short: 'a', description: 'one, and show what it prints; its exit code. box attach' },
      interactive: {
        type: 'boolean',
        short: 'i',
        description: "as Docker's; here -a types to it anyhow, where it was made with -i or -t",
      },
    },
    examples: ['create --name web -- httpd', 'start web'],
  }),
  async ({ values, positionals }) => {
    if (values.interactive && !values.attach)
      throw new UsageError('-i is for -a: who is not attached types nothing to it')
    const boxes = await boxesNamed(positionals)
    if (!values.attach) return forEach(boxes, (box) => startOne(keptOf(box)))
    noMore(positionals, 1)
    const [box] = boxes
    quit(box ? await startAttached(keptOf(box)) : 0)
  },
)

async function startAttached(kept: Kept): Promise<number> {
  // Opened before it starts: with --rm they may be gone when it has started.
  for (const file of [logFile(kept), exitFile(kept)]) closeSync(openSync(file, 'a', 0o600))
  const log = new Log(kept)
  const ended = endOf(kept)
  startOne(kept)
  const { spec, tools = layer('box', 'solutions').file } = kept.order
  const entry = entryOf(spec.id)
  if (!entry) {
    log.read((piece) => process.stdout.write(piece))
    await flushed()
    return ended()
  }
  const input = kept.interactive || spec.terminal !== undefined
  return (await attach(kept, entry, { tools, log, ended, input })) ?? 0
}

function keptOf({ name, kept }: Box): Kept {
  if (kept) return kept
  throw new UsageError(`'${name}' runs in the foreground of another terminal`, 125)
}

function startOne(kept: Kept): void {
  const report = startDetached(kept)
  if ('error' in report) throw new UsageError(report.error, report.code)
}
