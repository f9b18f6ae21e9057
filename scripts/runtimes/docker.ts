import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { locate, must, type Runtime, stay, until, versionOf } from './runtime.ts'

/** Docker, with a daemon of its own, which starts a containerd. It wants an image, so it gets the root as one. */
export const docker: Runtime = {
  name: 'docker',
  programs: ['dockerd', 'docker'],
  packages: ['docker.io'],
  version: () => versionOf('dockerd'),
  async prepare(place) {
    const { folder, env } = place
    mkdirSync(join(folder, 'etc'), { recursive: true })
    // It writes to /etc/docker, and a lab's /etc is read-only.
    must(place, ['sh', '-c', 'cp -a /etc/. "$0" && mount --bind "$0" /etc', join(folder, 'etc')])
    env.PATH = `/usr/bin:${env.PATH}` // the client of Debian's package, where another comes before it
    env.DOCKER_HOST = `unix://${folder}/docker.sock`
    const paths = { 'data-root': 'data', 'exec-root': 'exec', pidfile: 'docker.pid' }
    const own = Object.entries(paths).flatMap(([option, name]) => [`--${option}`, join(folder, name)])
    const apart = [
      '--host',
      env.DOCKER_HOST,
      '--bridge=none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-forward=false',
    ]
    const crun = locate('crun')
    const more = crun ? ['--add-runtime', `crun=${crun}`] : []
    stay(place, ['dockerd', ...own, ...apart, '--storage-driver=overlay2', ...more])
    await until(place, 'dockerd', () => spawnSync('docker', ['version'], { env }).status === 0)
    must(place, ['sh', '-c', 'tar --directory "$0" --create . | docker import - workshop', place.rootfs])
  },
  async start(place, argv) {
    must(place, ['docker', 'run', '--detach', '--network', 'none', '--name', 'workshop-docker', 'workshop', ...argv])
  },
}
