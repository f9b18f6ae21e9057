import { type Block, column, framed, row, text } from '../observe/draw/blocks.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import type { Picture } from './describe.ts'
import { box, lines, Places, space } from './sketch.ts'

const title = 'A tree of folders, and the two places in it that a process has'

export const picture: Picture = {
  title,
  description: `The root folder / has /etc, /run with a secret, /usr, and /tmp/jail. In the jail are bin with sh, ls and
cat, lib with libc.so.6 and more, and lib64 with ld-linux-x86-64.so.2. A process, sh, has a root and a working directory.
After chroot(2) its root is the jail; its working directory is where it was, outside, until chdir(2).`,
  draw() {
    const places = new Places()
    const bin = box('bin', lines('sh', 'ls', 'cat'))
    const lib = box('lib', lines('libc.so.6', '…'))
    const lib64 = box('lib64', lines('ld-linux-x86-64.so.2'))
    const jail = places.named('jail', folder('/tmp/jail', row([bin, lib, lib64], 10)))
    const etc = box('/etc', lines('passwd', 'shadow'))
    const run = box('/run', lines('secret'))
    const usr = box('/usr', lines('bin', 'lib'))
    const tree = places.named('tree', folder('/', row([etc, run, usr], 10), jail))
    const cwd = places.named('cwd', box('working directory', lines('outside, until', 'chdir(2)')))
    const root = places.named('root', box('root', lines('chroot(2) moved it', 'here')))
    const process = framed(column([text('sh', 14, 'strong'), cwd, root], 18), 10, 'process')
    const over = () => [places.right('tree', 'cwd'), places.right('jail', 'root')]
    const beside = column([space(0, BESIDE), process], 0)
    return drawingOf(row([tree, beside], 50), { title, description: picture.description, over })
  },
}

const BESIDE = 38 // from above, so that its root is beside the jail

function folder(path: string, ...inside: Block[]): Block {
  return framed(column([text(path, 16, 'strong'), ...inside], 10), 10, 'room same')
}
