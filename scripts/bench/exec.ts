import { join } from 'node:path'
import { writeBundle } from './lib/bundle.ts'
import { IDLE } from './lib/memory.ts'
import { rootTar } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, docker, NAME, podman, program, ULIMITS } from './lib/tools.ts'

const subject: Subject = {
  title: 'A second command, `true`, in a container that runs',
  async candidates(place) {
    const image = ['import', rootTar(place), NAME]
    const close = [['rm', '--force', NAME]]
    const run = ['exec', NAME, 'true']
    const start = ['run', '--detach', '--name', NAME, '--network=none']
    const bundle = writeBundle(place, IDLE)
    const bundled = (name: string, ...options: string[]) =>
      does(place, program(name, ['--root', join(place.folder, name), ...options]), {
        prepare: [['run', '--detach', '--bundle', bundle, NAME]],
        run,
        close: [['delete', '--force', NAME]],
      })
    const dock = await docker(place)
    return [
      does(place, box(place), {
        prepare: [image, ['run', '--detach', '--reference', '--net', 'none', '--name', NAME, NAME, '--', ...IDLE]],
        run: ['exec', '--reference', NAME, '--', 'true'],
        close,
      }),
      bundled('crun', '--cgroup-manager=disabled'),
      bundled('runc'),
      does(place, podman(place), { prepare: [image, [...start, ...ULIMITS, NAME, ...IDLE]], run, close }),
      does(place, dock, { prepare: [image, [...start, NAME, ...IDLE]], run, close: [...close, ['rmi', NAME]] }),
    ]
  },
}
export default subject
