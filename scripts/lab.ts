import { existsSync } from 'node:fs'
import { labOrder } from '#given/labs.ts'
import { run } from '#given/run.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'

// After -- everything is the program's, so that its options are not taken for ours.
const typed = process.argv.slice(2)
const end = typed.findIndex((word) => word === '--' || !word.startsWith('-'))
const [own, program] =
  end === -1 ? [typed, []] : [typed.slice(0, end), typed.slice(typed[end] === '--' ? end + 1 : end)]

await command(
  {
    name: 'lab',
    usage: 'npm run lab [-- PROGRAM …]',
    about: 'Opens a shell in a lab: a host that you may break, gone when you leave. Or runs one program there.',
    examples: [
      'npm run lab',
      'npm run lab -- hostname other',
      "npm run lab -- sh -c 'mount -t tmpfs none /mnt; findmnt /mnt'",
    ],
    args: own,
    needsLinux: true,
  },
  async () => {
    if (program.length > 0) return run(labOrder(program))
    console.log(`${chalk.bold('This is a lab.')} Rename it, mount in it, kill in it: your machine does not notice.`)
    console.log(
      'Its files are read-only but for /tmp and /run; a root for containers is /run/workshop/rootfs. exit leaves.',
    )
    const shell = existsSync('/bin/bash') ? ['/bin/bash', '--noprofile', '--norc'] : ['/bin/sh']
    return run(labOrder(shell, 'lab', { PS1: '[lab] # ', HOME: '/tmp', HISTFILE: '' }))
  },
)
