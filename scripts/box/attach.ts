import { UsageError } from '#given/errors.ts'
import { quit } from '#given/run.ts'
import { layer } from '#given/stack.ts'
import { attach } from '../../lessons/11-box/given/attach.ts'
import { boxNamed, entryOf } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'attach NAME',
    about: `Shows what a container prints from now on, and sends it what you type, where it was started with -i or -t.
Ctrl-P Ctrl-Q leaves it running; the second Ctrl-C does so where it has no terminal. Else the exit code is its own.`,
    options: { 'no-stdin': { type: 'boolean', description: 'type nothing to it' } },
    examples: ['run -dit --name shell -- sh', 'attach shell'],
  }),
  async ({ values, positionals: [name, more] }) => {
    if (more !== undefined) throw new UsageError(`'${more}' is too much: one container at a time`)
    const box = await boxNamed(name)
    const entry = entryOf(box)
    const { kept } = box
    if (!kept) throw new UsageError(`'${box.name}' runs in the foreground of another terminal: use that`, 125)
    const input = !values['no-stdin'] && (kept.interactive || kept.order.spec.terminal !== undefined)
    const tools = kept.order.tools ?? layer('box', 'solutions').file
    const code = await attach(kept, entry, { tools, input })
    if (code === undefined)
      console.error(`\nbox: detached; '${box.name}' goes on. npm run box -- attach ${box.name} is the way back`)
    quit(code ?? 0) // the container's end is still waited for
  },
)
