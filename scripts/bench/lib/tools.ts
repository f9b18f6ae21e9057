import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seconds } from '#given/patience.ts'
import { boxCommand } from '../../lib/box-command.ts'
import { find } from '../../vm/tools.ts'
import type { Place } from './place.ts'

/** The name of what each tool gets: an image, a container. */
export const NAME = 'workshop-bench'

/** A tool, and how it is called here, so that it keeps all that it has in the place. */
export interface Tool {
  name: string
  /** The program, and the options that come before the verb. */
  call: string[]
  env?: NodeJS.ProcessEnv
  /** Why it cannot be measured here. */
  missing?: string | undefined
}

/** A program by itself. */
export function program(name: string, options: string[] = []): Tool {
  return { name, call: [name, ...options], missing: find(name) ? undefined : `${name} is not installed` }
}

/** Ours, as users start it. */
export function box({ folder }: Place): Tool {
  return { name: 'the workshop', call: boxCommand(), env: { WORKSHOP_IMAGES: join(folder, 'images') } }
}

/** Limits that one may set without CAP_SYS_RESOURCE: those of podman are higher. */
export const ULIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']

/** runc where it is there, as crun refuses hybrid cgroups. */
export const RUNC = find('runc') ? ['--runtime', 'runc'] : []

/** podman, with a store of its own. */
export function podman(place: Place): Tool {
  return program('podman', [...storage(place, 'podman'), ...RUNC])
}

export function buildah(place: Place): Tool {
  return program('buildah', storage(place, 'buildah'))
}

/** Both mount the folder on itself. */
function storage({ folder, atEnd }: Place, name: string): string[] {
  const root = join(folder, name)
  atEnd(() => {
    const inside = mountsBelow(root)
    for (const path of inside) spawnSync('umount', [path])
  })
  return ['--root', root, '--runroot', `${root}-run`, '--storage-driver', 'overlay']
}

/** Mounts in a folder, the last one first. */
function mountsBelow(folder: string): string[] {
  const paths = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return paths.filter((path) => path.startsWith(`${folder}/`)).reverse()
}

/** Docker: the daemon that answers, or else one of our own, which ends with the place. */
export async function docker(place: Place): Promise<Tool> {
  const tool = program('docker')
  if (tool.missing || answers()) return tool
  if (!find('dockerd')) return { ...tool, missing: 'no daemon answers, and dockerd is not installed' }
  return { ...tool, ...(await startDocker(place)) }
}

const answers = (env: NodeJS.ProcessEnv = {}) =>
  spawnSync('docker', ['version'], { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0

/** A daemon with nothing of the machine's: no network, no firewall, and its files in the place. */
async function startDocker({ folder, atEnd }: Place): Promise<Partial<Tool>> {
  const at = (name: string) => join(folder, name)
  const host = `unix://${at('docker.sock')}`
  writeFileSync(at('docker.json'), '{}') // else it reads, and may write, /etc/docker
  const log = openSync(at('docker.log'), 'a')
  const places = ['--data-root', at('docker'), '--exec-root', at('docker-run'), '--pidfile', at('docker.pid')]
  const apart = ['--host', host, '--config-file', at('docker.json'), '--bridge=none']
  const daemon = spawn(
    'dockerd',
    [...places, ...apart, '--iptables=false', '--ip6tables=false', '--ip-forward=false'],
    { stdio: ['ignore', log, log], env: { ...process.env, TMPDIR: folder } }, // containerd may leave its stacks there
  )
  atEnd(() => stop(daemon, at('docker')))
  const deadline = Date.now() + seconds(20)
  while (!answers({ DOCKER_HOST: host })) {
    if (daemon.exitCode === null && Date.now() < deadline) await sleep(100)
    else
      return {
        missing: `no daemon answers, and ours does not: ${readFileSync(at('docker.log'), 'utf8').trim().split('\n').at(-1)}`,
      }
  }
  return { env: { DOCKER_HOST: host } }
}

/** It stops its containerd and its containers, and leaves a mount. */
async function stop(daemon: ChildProcess, root: string): Promise<void> {
  if (daemon.exitCode === null) {
    const ended = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGTERM')
    await ended
  }
  for (const path of mountsBelow(root)) spawnSync('umount', [path])
}
