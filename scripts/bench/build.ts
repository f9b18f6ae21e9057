import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootTar } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, buildah, docker, NAME, podman, RUNC, ULIMITS } from './lib/tools.ts'

const SCRIPT = 'echo built > /srv/program'
const BUILT = `${NAME}-built`

const subject: Subject = {
  title: 'One step of a build: a container that writes a file, and a layer of that',
  runs: 10,
  async candidates(place) {
    const context = join(place.folder, 'context')
    mkdirSync(context)
    writeFileSync(join(context, 'Dockerfile'), `FROM ${NAME}\nRUN ${SCRIPT}\n`)
    const tar = rootTar(place)
    const prepare = [['import', tar, NAME]]
    const build = ['build', '--no-cache', '--network=none', '--tag', BUILT]
    const after = [['rmi', BUILT]]
    const dock = await docker(place)
    return [
      does(place, box(place), {
        prepare,
        run: ['build', '--no-cache', '--from', NAME, '--run', SCRIPT, '--tag', BUILT],
        after,
      }),
      does(place, podman(place), { prepare, run: [...build, ...ULIMITS, context], after }),
      does(place, buildah(place), {
        prepare: [
          ['from', '--name', NAME, 'scratch'],
          ['add', NAME, tar, '/'],
          ['commit', NAME, NAME],
        ],
        run: [...build, ...RUNC, ...ULIMITS, context],
        after,
      }),
      does(place, dock, { prepare, run: [...build, context], after, close: [['rmi', NAME]] }),
    ]
  },
}
export default subject
