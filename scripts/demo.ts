import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { labOrder } from '#given/lab-order.ts'
import { run } from '#given/run.ts'
import { command } from './lib/command.ts'
import { lookUpOne } from './lib/current.ts'
import { project } from './lib/lessons.ts'

await command(
  {
    name: 'demo',
    usage: 'npm run demo [LESSON]',
    about:
      'Shows the effect of a lesson, with the finished code, in a lab. Without a name it is the lesson where you are.',
    examples: ['npm run demo 04', 'npm run demo uts', 'npm run demo lessons/04-uts/'],
    needsLinux: true,
  },
  async ({ positionals }) => {
    const { lesson } = await lookUpOne(positionals)
    const file = join(project, 'lessons', lesson.folder, 'demo.ts')
    await access(file)
    const argv = [process.execPath, '--no-warnings', '--import', 'tsx', '-C', 'solution', file]
    // Where its input is a socket, as Node's pipes are, bash(1) reads ~/.bashrc, unless SHLVL says that a shell started it.
    const fetched = lesson.fetches ? await (await import('./lib/debian.ts')).fetchDebian() : {}
    const order = labOrder(argv, 'host', { SHLVL: '2', ...fetched })
    order.spec.privileges = { ...order.spec.privileges, asked: lesson.keeps ?? [] }
    return run(order)
  },
)
