import { type Home, pictureOfHome } from './describe.ts'
import { table } from './sketch.ts'

const container = (name: string, command: string, pid: number): Home => ({
  title: name,
  namespaces: { uts: [table({ nodename: name, domainname: 'lab.example' })] },
  processes: [{ name: command, numbers: [pid] }],
})

export const picture = pictureOfHome(
  {
    title: 'host',
    namespaces: { uts: [table({ nodename: 'host', domainname: '(none)' })] },
    processes: [],
    rooms: [container('web', 'httpd', 1000), container('files', 'vsftpd', 2000)],
  },
  {
    title: 'Three UTS namespaces: two names in each',
    description: `The host's UTS namespace has the nodename host and no domainname. The containers web and files each have a
UTS namespace of their own, with their own nodename, web and files, and the domainname lab.example. In web there is httpd,
in files there is vsftpd.`,
  },
)
