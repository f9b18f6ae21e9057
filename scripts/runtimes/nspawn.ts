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
    const tree = existsSync('/sys/fs/cgroup/systemd') ? '/sys/fs/cgroup/systemd' : '/sys/fs/cgroup'
    const group = `${tree}/workshop-nspawn`
    mkdirSync(group)
    const enter = ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group]
    const alone = ['--register=no', '--keep-unit', '--private-network', '--quiet']
    const root = ['--directory', place.rootfs, '--machine', 'workshop-nspawn']
    stay(place, [...enter, 'systemd-nspawn', ...alone, ...root, ...argv])
  },
}
