import { KINDS } from '../observe/model.ts'
import { pictureOfHome } from './describe.ts'

const empty = (kinds: readonly string[]) => Object.fromEntries(kinds.map((kind) => [kind, []]))

export const picture = pictureOfHome(
  {
    title: 'host',
    namespaces: empty(KINDS),
    processes: [
      { name: 'systemd', numbers: [1] },
      { name: 'sshd', numbers: [412] },
      { name: 'bash', numbers: [901], parent: 412 },
    ],
    rooms: [
      {
        title: 'web',
        namespaces: empty(KINDS.filter((kind) => kind !== 'time')),
        processes: [
          { name: 'httpd', numbers: [1000, 1], parent: 901 },
          { name: 'httpd', numbers: [1001, 2], parent: 1000 },
        ],
      },
    ],
  },
  {
    title: 'Processes by their namespaces: the host, and a container in it',
    description: `The host has eight namespaces, one of each kind: cgroup, ipc, mnt, net, pid, time, user and uts. systemd,
sshd and bash are in all of them. bash started the container web, which has its own of each kind but time. Two httpd are in
it, processes 1 and 2 there, 1000 and 1001 on the host.`,
  },
)
