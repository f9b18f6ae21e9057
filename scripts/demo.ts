import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { labOrder } from '#given/labs.ts'
import { run } from '#given/run.ts'
import { command } from './lib/command.ts'
import { findLesson, project } from './lib/lessons.ts'

await command(
  {
    name: 'demo',
    usage: 'npm run demo 04',
    about: 'Shows the effect of a lesson, with the finished code, in a lab.',
    needsLinux: true,
  },
  async ({ positionals }) => {
    const lesson = await findLesson(positionals[0] ?? '00')
    const file = join(project, 'lessons', lesson.folder, 'demo.ts')
    await access(file)
    const order = labOrder([process.execPath, '--no-warnings', '--import', 'tsx', '-C', 'solution', file])
    order.spec.privileges = { ...order.spec.privileges, asked: lesson.keeps ?? [] }
    return run(order)
  },
)
