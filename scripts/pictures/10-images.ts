import { type Block, column, framed, row, text } from '../observe/draw/blocks.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import type { Picture } from './describe.ts'
import { box, lines, Places, space } from './sketch.ts'

const title = 'Two containers of one image: an upper folder each, and the same layers below'

export const picture: Picture = {
  title,
  description: `An image has two layers, read-only. The lower, the base, has /bin, /lib and /etc/motd. The upper, the program,
has /srv/program and another /etc/motd, which hides that of the base. Two containers, one and two, lie over both layers, each
with an upper folder of its own. What one wrote, /etc/motd, is in its upper folder, and it reads that; in that of two there is
nothing, and it reads the /etc/motd of the image.`,
  draw() {
    const places = new Places()
    const image = places.named(
      'image',
      framed(
        column(
          [
            text('image: read-only', 16, 'strong'),
            layer('layer 1, the program', PROGRAM),
            layer('layer 0, the base', BASE),
          ],
          10,
        ),
        10,
        'room same',
      ),
    )
    const container = (name: string, upper: string, reads: string) =>
      places.named(
        name,
        framed(
          column([text(name, 16, 'strong'), box('its /', lines(reads)), box('upper, its own', lines(upper))], 10),
          10,
          'room same',
        ),
      )
    const one = container('one', '/etc/motd', '/etc/motd is its own')
    const two = container('two', 'nothing yet', "/etc/motd is layer 1's")
    const all = column([row([one, two], 20), space(0, 4), image], 10)
    const over = () => [places.down('one', 'image'), places.down('two', 'image')]
    return drawingOf(all, { title, description: picture.description, over })
  },
}

const PROGRAM = ['/srv/program', '/etc/motd']
const BASE = ['/bin, /lib, …', '/etc/motd, hidden by that of layer 1']
const WIDE = 49 // letters: as wide as both containers

function layer(name: string, files: string[]): Block {
  return box(name.padEnd(WIDE), lines(...files))
}
