import { row } from '../observe/draw/blocks.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import { drawHome, type Picture } from './describe.ts'
import { box, lines, Places, table } from './sketch.ts'

const title = 'Two mount namespaces: two tables'

export const picture: Picture = {
  title,
  description: `The host's mount namespace: / with its disk, a /proc, a /sys that may be written, a /dev with all devices.
Two of its folders, rootfs and /srv/data, lead into the container. The container's mount namespace: rootfs is its /,
/srv/data its /data, read-only. Its /proc shows its own processes, its /sys is read-only, its /dev has few devices, and
/dev/pts and /dev/shm are its own. The host's root is not in its table.`,
  draw() {
    const places = new Places()
    const host = [
      table({ [wide('/')]: 'ext4', '/proc': 'proc', '/sys': 'sysfs', '/dev': 'devtmpfs, all devices' }),
      places.named('rootfs', box('rootfs', lines('a folder'))),
      places.named('data', box('/srv/data', lines('a folder'))),
    ]
    const kernels = { [wide('/proc')]: 'proc', '/sys': 'sysfs, read-only', '/dev': 'tmpfs, few devices' }
    const own = [
      table({ ...kernels, '/dev/pts': 'devpts', '/dev/shm': 'tmpfs'.padEnd(21) }),
      places.named('/', box('/', lines('rootfs'))),
      places.named('/data', box('/data', lines('read-only'))),
    ]
    const home = drawHome({
      title: 'host',
      namespaces: { mnt: [row(host, 24)] },
      processes: [],
      rooms: [{ title: 'box', namespaces: { mnt: [row(own, 24)] }, processes: [{ name: 'ls', numbers: [1000] }] }],
    })
    const over = () => [places.down('rootfs', '/'), places.down('data', '/data')]
    return drawingOf(home, { title, description: picture.description, over })
  },
}

const wide = (target: string) => target.padEnd('/dev/pts'.length) // so that both tables are equally wide
