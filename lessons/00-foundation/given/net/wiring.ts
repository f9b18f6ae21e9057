/*
 * The order in which a container gets a network, and loses it: one container at a time, since the first one makes the
 * bridge and the last one takes it away.
 */
import { closeSync, mkdirSync, openSync, readlinkSync, rmSync, writeFileSync } from '../fs.ts'
import { bind } from '../libc.ts'
import type { Container } from '../mechanism.ts'
import { RUNNING } from '../running.ts'
import { inLayers } from '../union.ts'
import { BRIDGE, namesOf } from './connect.ts'
import { resolvFile, tellNames } from './hosts.ts'
import { findPlace, LEASES, type Lease, leaseFolder, leases, refuseTaken } from './leases.ts'
import type { Connection } from './network.ts'
import { ceaseRouter, GUARD, guardBridge } from './router.ts'
import { inBackground } from './spawn.ts'
import { ip } from './tools.ts'

export { becomeRouter } from './router.ts'
export { ip, nft } from './tools.ts'

const flock = bind('int flock(int fd, int operation)')
const nameToIndex = bind('unsigned int if_nametoindex(const char *ifname)')
const LOCK_EX = 2

/**
 * Finds a place for a container, has `wire` connect it, and gives it its own /etc/hosts and /etc/resolv.conf.
 *
 * @param wire is told whether this container is the first, which has no bridge yet
 * @throws {UsageError} where no address or port is left, or the subnet is in use elsewhere
 */
export function connect(container: Container, wire: (connection: Connection, first: boolean) => void): void {
  locked(() => {
    const { spec } = container
    const { id, name, hostname, network } = spec
    const others = leases()
    const connection = { ...namesOf(container), ...findPlace(network, others) }
    for (const port of network.ports) refuseTaken(port, others)
    const lease: Lease = { id, name, hostname, ...connection, ports: network.ports }
    mkdirSync(leaseFolder(id), { recursive: true })
    writeFileSync(`${leaseFolder(id)}/lease.json`, JSON.stringify(lease))
    spec.network = { ...network, connection } // for `inside`: the engine sends the spec when all this is done

    if (others.length === 0 && linkExists(BRIDGE)) ip(`link delete ${BRIDGE}`) // somebody tidied up by hand
    const first = !linkExists(BRIDGE)
    wire(connection, first)
    if (first && linkExists(BRIDGE)) guardBridge()

    writeFileSync(`${leaseFolder(id)}/resolv.conf`, resolvFile())
    tellNames([...others, lease])
    const own = ['hosts', 'resolv.conf'].map((file) => volume(container, file))
    spec.volumes = [...own, ...spec.volumes] // theirs come last: who wants another /etc/hosts gets it
  })
}

/** Runs `undo`, commands for a shell, and removes the bridge after the last one. */
export function disconnect({ id }: Container, undo: string[]): void {
  locked((lock) => {
    rmSync(leaseFolder(id), { recursive: true, force: true })
    const others = leases()
    if (others.length > 0) {
      tellNames(others)
      return inBackground(undo)
    }
    ceaseRouter()
    rmSync(LEASES, { recursive: true, force: true })
    // With the lock: who comes next waits until the old bridge is gone, and makes another.
    inBackground([...undo, `ip link delete ${BRIDGE}`, `nft delete table ip ${GUARD}`], lock)
  })
}

/** Runs `work` while nobody else does. A lock ends with its last descriptor, however that ends: flock(2). */
function locked(work: (lock: number) => void): void {
  const lock = openSync(RUNNING.slice(0, RUNNING.lastIndexOf('/')), 'r') // the folder above, since RUNNING comes and goes
  try {
    flock(lock, LOCK_EX)
    work(lock)
  } finally {
    closeSync(lock)
  }
}

const linkExists = (name: string) => nameToIndex(name) !== 0

/** A file of ours in the place of the image's; where that is a link, in the place that it leads to. */
function volume({ id, spec }: Container, file: string) {
  let target = `/etc/${file}`
  try {
    target = process.getBuiltinModule('node:path').resolve('/etc', readlinkSync(inLayers(spec, `/etc/${file}`)))
  } catch {
    // no link
  }
  return { source: `${leaseFolder(id)}/${file}`, target, kind: 'file' as const, readonly: true }
}
