import { boxNamed, entryOf, settled } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { noMore } from '../lib/images.ts'
import { verb } from '../lib/verbs.ts'

await command(
  verb({
    usage: 'port NAME',
    about: 'Where the ports of a container can be reached: its own, and the address and port of this host.',
    examples: ['run -d --name web --publish 8080:80 -- httpd', 'port web'],
  }),
  async ({ positionals }) => {
    noMore(positionals, 1)
    const entry = entryOf(await settled(await boxNamed(positionals[0])))
    for (const { ip = '0.0.0.0', host, container, protocol } of entry.container.spec.network.ports)
      console.log(`${container}/${protocol} -> ${ip}:${host}`)
    return 0
  },
)
