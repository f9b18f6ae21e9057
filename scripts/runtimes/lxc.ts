import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, type Runtime, versionOf } from './runtime.ts'

/** LXC: no image and no daemon, a configuration that names the root, and a monitor for each container. */
export const lxc: Runtime = {
  name: 'lxc',
  programs: ['lxc-start'],
  packages: ['lxc'],
  version: () => versionOf('lxc-start'),
  async start(place, argv) {
    const file = join(place.folder, 'config')
    mkdirSync(join(place.folder, 'lxc'), { recursive: true })
    writeFileSync(file, config(place.rootfs))
    const log = join(place.folder, 'log')
    const options = ['--lxcpath', join(place.folder, 'lxc'), '--name', 'workshop-lxc', '--rcfile', file]
    must(place, ['lxc-start', ...options, '--logfile', log, '--logpriority', 'ERROR', '--daemon', '--', ...argv])
  },
}

/** `common.conf` is what Debian's templates begin with: without it LXC drops no capability and filters no call. */
const config = (rootfs: string) => `lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = dir:${rootfs}
lxc.uts.name = box
lxc.net.0.type = empty
`
