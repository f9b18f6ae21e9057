import { UsageError } from '#given/errors.ts'
import { startDetached } from '../../lessons/11-box/given/supervisor.ts'
import { boxesNamed } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'start NAME…',
    about: `Starts containers that were created, or have ended, in the background: with the files that they have changed, and a
new address. Exit codes are those of box run.`,
    examples: ['create --name web -- httpd', 'start web'],
  }),
  async ({ positionals }) => {
    let code = 0
    for (const { name, kept } of await boxesNamed(positionals)) {
      if (!kept) throw new UsageError(`'${name}' runs in the foreground of another terminal`, 125)
      const report = startDetached(kept)
      if ('error' in report) {
        console.error(`box: ${report.error}`)
        code = report.code
      } else console.log(name)
    }
    return code
  },
)
