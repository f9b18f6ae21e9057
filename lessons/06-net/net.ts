import { closeSync } from '#given/fs.ts'
import { CLONE_NEWNET } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'
import { BRIDGE, becomeRouter, connect, disconnect, ip, namesOf, nft } from '#given/net/connect.ts'
import {
  AF_INET,
  addDefaultRoute,
  IFF_UP,
  ioctl,
  SIOCGIFFLAGS,
  SIOCSIFFLAGS,
  SOCK_DGRAM,
  setAddress,
  socket,
} from '#given/net/ioctl.ts'
import type { Connection, Port } from '#given/net/network.ts'

/** A network of its own, and a way out of it: network_namespaces(7), veth(4). */
export const net: Mechanism = {
  name: 'net',
  flags: 0, // 06.1
  outside(container) {
    const { mode, ports } = container.spec.network
    if (mode === 'none') return
    connect(container, (connection, first) => {
      vethPair(connection, container.pid)
      joinBridge(connection, first)
      masquerade(connection)
      for (const port of ports) {
        publish(connection, port)
        publishLocally(connection, port)
      }
    })
  },
  inside({ network }) {
    bringUp('lo')
    if (network.connection) configure(network.connection)
  },
  cleanup(container) {
    const { cable, table } = namesOf(container)
    disconnect(container, []) // 06.2: a shell command that removes the cable; 06.5: and one for the table
  },
}

/** Brings an interface of this network namespace up: netdevice(7). */
export function bringUp(name: string): void {
  notWritten('06.1 ioctl(2)', bringUp, name)
}

/** A cable with one end on the host, and the other, as eth0, in the network namespace of a process: veth(4). */
export function vethPair(connection: Connection, pid: number): void {
  const { cable, mac } = connection
  notWritten('06.2 ip-link(8)', vethPair, connection, pid)
}

/** The host's end of the cable goes into the bridge, which the first container makes: ip-link(8). */
export function joinBridge(connection: Connection, first: boolean): void {
  const { cable, gateway, prefix } = connection
  notWritten('06.3 ip-link(8)', joinBridge, connection, first)
}

/** The container's own end: its address, and the way to everybody else. */
export function configure(connection: Connection): void {
  const { address, prefix, gateway } = connection
  notWritten('06.4 netdevice(7)', configure, connection)
}

/** What the container sends to the world goes out in the host's name, and the host passes it on: nft(8). */
export function masquerade(connection: Connection): void {
  const { table, address } = connection
  notWritten('06.5 nft(8)', masquerade, connection)
}

/** What arrives at a port of the host goes to a port of the container: nft(8), "NAT statements". */
export function publish(connection: Connection, port: Port): void {
  const { table, address } = connection
  const { ip, host, container, protocol } = port
  notWritten('06.6 nft(8)', publish, connection, port)
}

/** The same for who is on the host already: what it sends itself does not arrive, it only leaves. */
export function publishLocally(connection: Connection, port: Port): void {
  const { table, address, subnet } = connection
  const { ip, host, container, protocol } = port
  notWritten('06.7 nft(8)', publishLocally, connection, port)
}
