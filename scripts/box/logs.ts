import '#given/show.ts' // who has seen enough, such as head(1), is no error
import { existsSync } from 'node:fs'
import { UsageError } from '#given/errors.ts'
import { ending, Log, lastLines, logFile } from '../../lessons/11-box/given/log.ts'
import { boxNamed, settled, untilGone } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { noMore } from '../lib/images.ts'
import { count, verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'logs [-f] [-n N] NAME',
    about: 'What a container in the background has printed, standard output and error alike, over all its starts.',
    options: {
      follow: { type: 'boolean', short: 'f', description: 'and what it prints from now on, until it has ended' },
      tail: { type: 'string', short: 'n', value: 'N', description: 'only the last N lines' },
    },
    examples: ['logs web', 'logs -f -n 10 web'],
  }),
  async ({ values, positionals }) => {
    noMore(positionals, 1)
    const lines = count(values.tail, '--tail', Number.POSITIVE_INFINITY)
    const box = await boxNamed(positionals[0])
    const { name, kept } = box
    if (!kept) throw new UsageError(`'${name}' runs in the foreground: what it prints is on its terminal`, 125)
    if (!existsSync(logFile(kept))) return 0 // not started yet
    const log = new Log(kept, lastLines(kept, lines))
    const write = (piece: Buffer) => process.stdout.write(piece)
    if (!values.follow) log.read(write)
    else {
      const { state } = await settled(box)
      await log.follow(write, state.entry ? ending(state.entry) : untilGone(box))
    }
    log.close()
    return 0
  },
)
