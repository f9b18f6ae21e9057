import { existsSync, mkdirSync } from 'node:fs'
import { type Runtime, stay, versionOf } from './runtime.ts'

/**
 * systemd-nspawn, by which rkt ran its pods. It stays in the foreground, and here it asks no systemd for a unit: it runs
 * in a group that is made for it.
 */
export const nspawn: Runtime = {
  name: 'nspawn',
  programs: ['systemd-nspawn'],
  packages: ['systemd-container'],
  version: () => versionOf('systemd-nspawn'),
  async start(place, argv) {
    const v1 = existsSync('/sys/fs/cgroup/systemd')
    const tree = v1 ? '/sys/fs/cgroup/systemd' : '/sys/fs/cgroup'
    // It looks which systemd is in the root, to give it the cgroups that it knows; there is none.
    if (!v1) place.env.SYSTEMD_NSPAWN_UNIFIED_HIERARCHY = '1'
    const group = `${tree}/workshop-nspawn`
    mkdirSync(group)
    const enter = ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group]
    const alone = ['--register=no', '--keep-unit', '--private-network', '--quiet']
    const root = ['--directory', place.rootfs, '--machine', 'workshop-nspawn']
    stay(place, [...enter, 'systemd-nspawn', ...alone, ...root, ...argv])
  },
}
