import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, Refused, type Runtime, versionOf } from './runtime.ts'

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
    try {
      must(place, ['lxc-start', ...options, '--logfile', log, '--logpriority', 'ERROR', '--daemon', '--', ...argv])
    } catch (error) {
      const words = errorsIn(readFileSync(log, 'utf8'))
      throw words ? new Refused(words) : error // its own words are that there is a log
    }
  },
}

/** Lines are `lxc-start NAME TIME ERROR module - file:function:line - text`; the first few say why. */
function errorsIn(log: string): string {
  const texts = log.split('\n').flatMap((line) => / ERROR +\S+ - \S+ - (.+)/.exec(line)?.[1] ?? [])
  return texts.slice(0, 3).join('; ')
}

/**
 * `common.conf` is what Debian's templates begin with: without it LXC drops no capability and filters no call. A profile
 * of AppArmor is loaded through a file system that a lab does not have.
 */
const config = (rootfs: string) => `lxc.include = /usr/share/lxc/config/common.conf
lxc.apparmor.profile = unconfined
lxc.rootfs.path = dir:${rootfs}
lxc.uts.name = box
lxc.net.0.type = empty
`
