import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, type Runtime, versionOf } from './runtime.ts'

/** podman: no daemon; conmon stays beside each container, and runc or crun starts it. */
export const podman: Runtime = {
  name: 'podman',
  programs: ['podman', 'conmon'],
  packages: ['podman'],
  version: () => versionOf('podman'),
  async prepare(place) {
    const { folder, env } = place
    env.TMPDIR = folder // in a lab nobody writes to /var/tmp
    env.CONTAINERS_STORAGE_CONF = join(folder, 'storage.conf')
    writeFileSync(env.CONTAINERS_STORAGE_CONF, storage(folder))
  },
  async start(place, argv) {
    const options = ['--detach', '--network', 'none', '--name', 'workshop-podman', '--rootfs', place.rootfs]
    must(place, ['podman', 'run', ...options, ...argv])
  },
}

const storage = (folder: string) => `[storage]
driver = "vfs"
graphroot = "${folder}/graph"
runroot = "${folder}/run"
`
