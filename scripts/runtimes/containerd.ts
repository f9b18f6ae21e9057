import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, type Place, type Runtime, stay, until, versionOf } from './runtime.ts'

/** containerd by itself, with its `ctr` to type into: it starts a shim for the container, and the shim starts runc. */
export const containerd: Runtime = {
  name: 'containerd',
  programs: ['containerd', 'ctr', 'containerd-shim-runc-v2', 'runc'],
  packages: ['containerd'],
  version: () => versionOf('containerd'),
  async prepare(place) {
    const address = join(place.folder, 'containerd.sock')
    const file = join(place.folder, 'config.toml')
    writeFileSync(file, config(place, address))
    stay(place, ['containerd', '--config', file])
    place.env.CONTAINERD_ADDRESS = address
    await until(place, 'containerd', () => spawnSync('ctr', ['version'], { env: place.env }).status === 0)
  },
  async start(place, argv) {
    const options = ['--detach', '--env', 'PATH=/usr/bin:/bin', '--rootfs', place.rootfs]
    must(place, ['ctr', 'run', ...options, 'workshop-containerd', ...argv])
  },
}

const config = ({ folder }: Place, address: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "${address}"
`
