import { type Home, pictureOfHome } from './describe.ts'
import { table } from './sketch.ts'

const DEFAULT = '18446744073692774399' // ULONG_MAX - (1 << 24): linux/shm.h

const container = (title: string, shmmax: string, pid: number): Home => ({
  title,
  namespaces: { ipc: [table({ 'key 7': `a segment: '${title}'`, '/orders': 'no such queue', shmmax })] },
  processes: [{ name: 'database', numbers: [pid] }],
})

export const picture = pictureOfHome(
  {
    title: 'host',
    namespaces: { ipc: [table({ 'key 7': "a segment: 'host'", '/orders': 'a queue', shmmax: DEFAULT })] },
    processes: [],
    rooms: [container('one', '4096', 1000), container('two', DEFAULT, 2000)],
  },
  {
    title: 'Three IPC namespaces: one key, three segments',
    description: `In the host's IPC namespace the key 7 leads to a segment of memory with the data 'host', the name /orders
to a message queue, and shmmax has the kernel's default. In each of two containers, one and two, the same key leads to another
segment: with the data 'one' in the first, 'two' in the second. Neither has a queue /orders. The first has set its own shmmax
to 4096; in the second it is still the default.`,
  },
)
