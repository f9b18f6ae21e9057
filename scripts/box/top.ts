import { boxNamed, entryOf, settled } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { fittedTable, onOneLine } from '../lib/fitted.ts'
import { noMore } from '../lib/images.ts'
import { membersOf } from '../lib/members.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'top NAME',
    about: `The processes of a container, those of box exec among them. PID is the number that this host gives them, INSIDE the
container's; USER is a number of the container's, CPU minutes and seconds.`,
  }),
  async ({ positionals }) => {
    noMore(positionals, 1)
    const entry = entryOf(await settled(await boxNamed(positionals[0])))
    const rows = membersOf(entry).map(({ pid, inside, uid, state, cpu, command }) => [
      ...[pid, inside, uid].map(String),
      state,
      `${Math.floor(cpu / 60)}:${String(Math.floor(cpu % 60)).padStart(2, '0')}`,
      onOneLine(command),
    ])
    fittedTable(['PID', 'INSIDE', 'USER', 'STATE', 'CPU', 'COMMAND'], rows, { COMMAND: 7 })
    return 0
  },
)
