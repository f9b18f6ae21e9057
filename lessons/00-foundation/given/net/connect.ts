/*
 * What a mechanism asks of the host's side of a network. All that does it is loaded when it is asked for: the init, which
 * loads the mechanism as well, never does, and the engine has time while the init boots.
 */
import type { Container } from '../mechanism.ts'
import type { Connection } from './network.ts'

/** The switch that all cables lead to. */
export const BRIDGE = 'ws-bridge'

/** The names of what a container has on the host. Its id tells them, so that another process can clean up. */
export function namesOf({ id }: Container): Pick<Connection, 'cable' | 'table'> {
  return { cable: `ws-${id.slice(0, 12)}`, table: `workshop-${id}` } // a link's name has up to 15 letters
}

/**
 * Finds a place for a container, has `wire` connect it, and gives it its own /etc/hosts and /etc/resolv.conf.
 *
 * @param wire is told whether this container is the first, which has no bridge yet
 * @throws {UsageError} where no address or port is left, or the subnet is in use elsewhere
 */
export function connect(container: Container, wire: (connection: Connection, first: boolean) => void): void {
  hostSide().connect(container, wire)
}

/** Takes a container off: runs `undo`, commands for a shell, and removes the bridge after the last one. */
export function disconnect(container: Container, undo: string[]): void {
  if (container.spec.network.mode === 'bridge') hostSide().disconnect(container, undo)
}

/**
 * Makes the host a router, which passes on what is not for itself. The last container to go switches that off again.
 *
 * @see ip(7), ip_forward
 */
export function becomeRouter(): void {
  hostSide().becomeRouter()
}

/**
 * Runs lines of ip(8), such as `link set lo up`, all in one process: `ip -batch -`.
 *
 * @throws {Error} with the line that failed, and what ip(8) said
 */
export function ip(...lines: string[]): void {
  hostSide().ip(...lines)
}

/**
 * Gives a ruleset to the kernel, as `nft -f -` does: all of it, or nothing.
 *
 * @throws {Error} with what nft(8) would have said
 */
export function nft(ruleset: string): void {
  hostSide().nft(ruleset)
}

/** require(), since a synchronous function cannot await import(). */
function hostSide(): typeof import('./wiring.ts') {
  return process.getBuiltinModule('node:module').createRequire(import.meta.url)('./wiring.ts')
}
