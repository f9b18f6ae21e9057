import { command } from '../lib/command.ts'
import { pauseInfo, setFrozen } from '../lib/pause.ts'

await command(
  pauseInfo(
    'pause',
    'Stops every process of a container with one write to its cgroup. Memory, files, connections: all stays as it is.',
  ),
  ({ positionals }) => setFrozen(positionals, true),
)
