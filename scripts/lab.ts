import { existsSync } from 'node:fs'
import { labOrder } from '#given/lab-order.ts'
import { run } from '#given/run.ts'
import { command } from './lib/command.ts'

const words = process.argv.slice(2)
const first = words.findIndex((word) => !word.startsWith('-') || word === '--')
const own = first === -1 ? words : words.slice(0, first) // from the first word on, options are the command's
const argv = first === -1 ? [] : words.slice(words[first] === '--' ? first + 1 : first)

await command(
  {
    name: 'lab',
    usage: 'npm run lab [-- CMD …]',
    about: `Opens a shell in a lab, or runs a command in one: a throw-away host on which you are root. It has processes,
mounts, a network, names and /tmp of its own, and sees this machine's files without being able to change them.
The root for containers, /run/workshop/rootfs, can be written, and is gone with the lab like all else.`,
    examples: ['npm run lab', 'npm run lab ps', 'npm run lab -- mount -t tmpfs none /mnt'],
    args: own,
    failure: 125,
    needsLinux: true,
  },
  async () => {
    if (argv.length > 0) return run(labOrder(argv, 'lab'))
    const bash = ['/bin/bash', '/usr/bin/bash'].find((path) => existsSync(path))
    if (process.stdin.isTTY) {
      console.error('You are root of a lab. Rename it, mount, kill: this machine does not notice.')
      console.error('`exit` ends it, with everything that runs in it.')
    }
    const shell = bash ? [bash, '--noprofile', '--norc'] : ['/bin/sh']
    return run(labOrder(shell, 'lab', { PS1: bash ? '[lab] \\w# ' : '[lab] # ', HISTFILE: '' }))
  },
)
