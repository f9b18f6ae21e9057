/*
 * A network for one who may lay no cable. A program that runs as he takes what the container sends from a tap device in
 * its network namespace, and sends it on through sockets of its own, as any program may: pasta(1), slirp4netns(1).
 */
import type { Socket } from 'node:net'
import { UsageError } from '../errors.ts'
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from '../fs.ts'
import { kill } from '../libc.ts'
import type { Container } from '../mechanism.ts'
import { resolvFile } from '../net/hosts.ts'
import type { Port } from '../net/network.ts'
import { seconds } from '../patience.ts'
import { RUNNING } from '../running.ts'

export type Carrier = 'pasta' | 'slirp4netns'

const SIGTERM = 15

/** The carrier that this machine has for an ordinary user. */
export function findCarrier(): Carrier | undefined {
  if (!isWritable('/dev/net/tun')) return undefined
  return (['pasta', 'slirp4netns'] as const).find((name) => existsSync(`/usr/bin/${name}`))
}

/**
 * Starts the carrier of a container, where it has one. It is connected when this returns.
 *
 * @throws {UsageError} with the program's own words, where it fails
 */
export function carry(container: Container): void {
  const { network } = container.spec
  if (!network.carrier) return
  if (network.carrier === 'pasta') startPasta(container, network.ports)
  else startSlirp(container)
  showNameServers(container)
}

/** Ends what `carry` started. */
export function endCarrier({ id }: Container): void {
  const pid = read(pidFile(id)).trim()
  // A number alone may be another's by now.
  if (pid && read(`/proc/${pid}/cmdline`).includes(pidFile(id))) kill(Number(pid), SIGTERM)
  for (const file of [pidFile(id), resolvCopy(id)]) rmSync(file, { force: true })
}

const pidFile = (id: string) => `${RUNNING}/${id}.pasta`
const resolvCopy = (id: string) => `${RUNNING}/${id}.resolv.conf`

/** pasta goes to the background when all is set up. It copies the host's address, so the container has the same. */
function startPasta({ id, pid }: Container, ports: Port[]): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const published = (protocol: Port['protocol']) =>
    ports
      .filter((port) => port.protocol === protocol)
      .map(publication)
      .join(',') || 'none'
  const into = ['--tcp-ports', published('tcp'), '--udp-ports', published('udp')]
  // Two ways to the host's own 127.0.0.1, which is not the container's: its ports there, and the address of the gateway.
  const apart = ['--tcp-ns', 'none', '--udp-ns', 'none', '--no-map-gw']
  const args = ['--config-net', '--quiet', '--pid', pidFile(id), ...into, ...apart, String(pid)]
  const { status, stderr, error } = spawnSync('pasta', args, { encoding: 'utf8' })
  if (status === 0) return
  const words = stderr.replace(/^Failed to send .* to syslog\n/gm, '').trim()
  throw new UsageError(`pasta(1) could not connect the container: ${error?.message ?? words}\n  --net none?`, 125)
}

function publication({ ip, host, container }: Port): string {
  return `${ip ? `${ip}/` : ''}${host}:${container}`
}

/** slirp4netns stays our child, and ends when the other end of its exit-fd is closed: with us, however we end. */
function startSlirp({ pid }: Container): void {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const args = ['--configure', '--mtu=65520', '--disable-host-loopback', '--exit-fd=3', String(pid), 'tap0']
  const program = spawn('slirp4netns', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  program.unref()
  const ours = program.stdio[3] as Socket
  ours.unref() // it is there to be closed, and nothing comes from it
  const clock = new Int32Array(new SharedArrayBuffer(4))
  for (const deadline = Date.now() + seconds(5); !read(`/proc/${pid}/net/dev`).includes('tap0'); ) {
    if (Date.now() > deadline)
      throw new UsageError('slirp4netns(1) did not connect the container in time\n  --net none?', 125)
    Atomics.wait(clock, 0, 0, 5)
  }
}

/** Whom to ask for names: as on the host, or slirp4netns itself. The image keeps its own where ours cannot be put. */
function showNameServers({ id, spec }: Container): void {
  const target = '/etc/resolv.conf'
  if (!spec.union && !isFile(spec.rootfs + target) && !isWritable(`${spec.rootfs}/etc`)) return
  writeFileSync(resolvCopy(id), spec.network.carrier === 'pasta' ? resolvFile() : 'nameserver 10.0.2.3\n')
  // The engine sends the spec when all this is done.
  spec.volumes = [...spec.volumes, { source: resolvCopy(id), target, kind: 'file', readonly: true }]
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
