import { rootTar } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, docker, NAME, podman, ULIMITS } from './lib/tools.ts'

const subject: Subject = {
  title: 'Start to end of `true`, of an image',
  async candidates(place) {
    const prepare = [['import', rootTar(place), NAME]]
    const run = ['run', '--rm', '--network=none']
    return [
      does(place, box(place), { prepare, run: ['run', '--reference', NAME, '--', 'true'] }),
      does(place, podman(place), { prepare, run: [...run, ...ULIMITS, NAME, 'true'] }),
      does(place, await docker(place), { prepare, run: [...run, NAME, 'true'], close: [['rmi', NAME]] }),
    ]
  },
}
export default subject
