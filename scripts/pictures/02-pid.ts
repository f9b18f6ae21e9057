import { pictureOfHome } from './describe.ts'

export const picture = pictureOfHome(
  {
    title: 'host',
    namespaces: { pid: [] },
    processes: [
      { name: 'systemd', numbers: [1] },
      { name: 'engine', numbers: [999] },
      { name: 'engine', numbers: [1999] },
    ],
    rooms: [
      { title: 'web', namespaces: { pid: [] }, processes: [{ name: 'httpd', numbers: [1000, 1], parent: 999 }] },
      { title: 'files', namespaces: { pid: [] }, processes: [{ name: 'vsftpd', numbers: [2000, 1], parent: 1999 }] },
    ],
  },
  {
    title: 'Three pid namespaces: one process, two numbers',
    description: `The host's pid namespace holds all processes: systemd is 1, two engines are 999 and 1999. The first engine
started the container web, the second the container files; each has a pid namespace of its own, within the host's. In web
there is httpd: 1 there, 1000 on the host. In files there is vsftpd: 1 there, 2000 on the host.`,
  },
)
