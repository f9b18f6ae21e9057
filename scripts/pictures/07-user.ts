import { column, row } from '../observe/draw/blocks.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import { drawHome, type Home, type Picture } from './describe.ts'
import { box, lines, Places, space } from './sketch.ts'

const title = 'Two user namespaces: who is who, and what belongs to whom'

export const picture: Picture = {
  title,
  description: `Users of the host: 0 is root, 4242 is you, and 200000 to 265535 are ids that root granted you. Users of a
user namespace that you made: its 0, root there, is your 4242 on the host; its 1 to 65536 are the host's 200000 to 265535.
The host's root is nobody there. To the host belong the clock, the modules, the disks and the files of user 0: root of the
namespace gets EPERM. To the namespace belong its host name, its mounts, its network and its processes: there its root may.`,
  draw() {
    const places = new Places()
    const id = (name: string, who: string, here = name) => places.named(name, box(here, lines(who)))
    const host = [
      things('the clock, modules, disks,', 'files of user 0:', 'EPERM for the root below'),
      id('0', 'root'),
      id('4242', 'you'),
      id('200000 … 265535', 'yours: /etc/subuid'),
    ]
    const own = [
      things('its host name, mounts,', 'network, processes:', 'its root may'),
      space(ROOT),
      id('root there', 'root', '0'),
      id('1 … 65536', 'its other users'),
    ]
    const container: Home = {
      title: 'box',
      namespaces: { user: [row(own, GAP)] },
      processes: [{ name: 'sh', numbers: [1000] }],
    }
    const home: Home = { title: 'host', namespaces: { user: [row(host, GAP)] }, processes: [], rooms: [container] }
    const block = drawHome(home, { occupants: () => [] }) // numbers of processes beside those of users would confuse
    const over = () => [places.down('4242', 'root there'), places.down('200000 … 265535', '1 … 65536')]
    return drawingOf(block, { title, description: picture.description, over })
  },
}

const things = (...words: string[]) => column([space(THINGS), lines(...words)], 4)

const GAP = 24
const THINGS = 215 // as wide as the longer of both texts, so that the ids lie below each other
const ROOT = 48 // below the host's root: nobody
