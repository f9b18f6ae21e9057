import { pictureOfHome } from './describe.ts'
import { lines } from './sketch.ts'

export const picture = pictureOfHome(
  {
    title: 'host',
    namespaces: { pid: [] },
    processes: [
      { name: 'systemd', numbers: [1] },
      { name: 'box run', numbers: [999] },
      { name: 'box exec', numbers: [2000] },
      { name: 'joiner', numbers: [2001], parent: 2000 },
    ],
    rooms: [
      {
        title: 'web',
        namespaces: { mnt: [lines('/ of the image')], uts: [lines('web')], net: [lines('lo, eth0')], pid: [] },
        processes: [
          { name: 'httpd', numbers: [1000, 1], parent: 999 },
          { name: 'sh', numbers: [2002, 7], parent: 2000 },
        ],
      },
    ],
  },
  {
    title: 'A second command in a container: nothing is new but the process',
    description: `On the host, box run with number 999 has started the container web: httpd, 1000 on the host and 1 inside. The
container has a mount, a UTS, a network and a pid namespace of its own. box exec, number 2000, starts a joiner, 2001, which
stays on the host. sh is beside httpd in the container, in the same namespaces: 2002 on the host, 7 inside, and box exec is
its parent.`,
  },
)
