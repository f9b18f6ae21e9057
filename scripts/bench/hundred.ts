import { join } from 'node:path'
import { writeBundle } from './lib/bundle.ts'
import { IDLE } from './lib/memory.ts'
import { rootTar } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, docker, NAME, podman, program, ULIMITS } from './lib/tools.ts'

/** A hundred; fewer where the machine is loaded enough with a few. */
const COUNT = Math.ceil(100 * Number(process.env.WORKSHOP_LOAD ?? 1))

const subject: Subject = {
  title: `${COUNT} containers in the background, one after another, and what each takes`,
  runs: 1,
  async candidates(place) {
    const names = Array.from({ length: COUNT }, (_, i) => `${NAME}-${i}`)
    const prepare = [['import', rootTar(place), NAME]]
    const after = [['rm', '--force', ...names]]
    const each = (command: (name: string) => string[]) => ({ run: names.map(command), leaves: COUNT })
    const bundle = writeBundle(place, IDLE)
    const bundled = (name: string, ...options: string[]) =>
      does(place, program(name, ['--root', join(place.folder, name), ...options]), {
        ...each((one) => ['run', '--detach', '--bundle', bundle, one]),
        after: names.map((one) => ['delete', '--force', one]),
      })
    const start = (name: string) => ['run', '--detach', '--name', name, '--network=none']
    const dock = await docker(place)
    return [
      does(place, box(place), {
        prepare,
        ...each((name) => ['run', '--detach', '--reference', '--net', 'none', '--name', name, NAME, '--', ...IDLE]),
        after,
      }),
      bundled('crun', '--cgroup-manager=disabled'),
      bundled('runc'),
      does(place, podman(place), {
        prepare,
        ...each((name) => [...start(name), ...ULIMITS, NAME, ...IDLE]),
        after: [['rm', '--force', '--time', '0', ...names]], // it would wait ten seconds for each
      }),
      does(place, dock, { prepare, ...each((name) => [...start(name), NAME, ...IDLE]), after, close: [['rmi', NAME]] }),
    ]
  },
}
export default subject
