import { command } from '../lib/command.ts'
import { pauseInfo, setFrozen } from '../lib/pause.ts'

await command(pauseInfo('unpause', 'Lets a paused container go on where it was.'), ({ positionals }) =>
  setFrozen(positionals, false),
)
