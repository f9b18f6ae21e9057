import { closeSync } from '#given/fs.ts'
import { CLONE_NEWNET } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'
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
  flags: CLONE_NEWNET,
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
    disconnect(container, [`ip link delete ${cable}`, `nft delete table ip ${table}`])
  },
}

/** Brings an interface of this network namespace up: netdevice(7). */
export function bringUp(name: string): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0) // nothing is sent: a socket is the way to its network namespace
  const ifreq = Buffer.alloc(40) // 16 bytes of name, then a union: here a short, the flags
  ifreq.write(name)
  ioctl(fd, SIOCGIFFLAGS, ifreq)
  ifreq.writeInt16LE(ifreq.readInt16LE(16) | IFF_UP, 16) // those that it has stay
  ioctl(fd, SIOCSIFFLAGS, ifreq)
  closeSync(fd)
}

/** A cable with one end on the host, and the other, as eth0, in the network namespace of a process: veth(4). */
export function vethPair(connection: Connection, pid: number): void {
  const { cable, mac } = connection
  ip(`link add ${cable} type veth peer name eth0 address ${mac} netns ${pid}`)
}

/** The host's end of the cable goes into the bridge, which the first container makes: ip-link(8). */
export function joinBridge(connection: Connection, first: boolean): void {
  const { cable, gateway, prefix } = connection
  if (first) {
    ip(`link add ${BRIDGE} type bridge`, `address add ${gateway}/${prefix} dev ${BRIDGE}`, `link set ${BRIDGE} up`)
  }
  ip(`link set ${cable} master ${BRIDGE} up`)
}

/** The container's own end: its address, and the way to everybody else. */
export function configure(connection: Connection): void {
  const { address, prefix, gateway } = connection
  setAddress('eth0', address, prefix)
  bringUp('eth0')
  addDefaultRoute(gateway)
}

/** What the container sends to the world goes out in the host's name, and the host passes it on: nft(8). */
export function masquerade(connection: Connection): void {
  const { table, address } = connection
  becomeRouter()
  nft(`
    table ip ${table} {
      chain leaving {
        type nat hook postrouting priority srcnat
        ip saddr ${address} oifname != "${BRIDGE}" masquerade
      }
    }`)
}

/** What arrives at a port of the host goes to a port of the container: nft(8), "NAT statements". */
export function publish(connection: Connection, port: Port): void {
  const { table, address } = connection
  const { ip, host, container, protocol } = port
  const to = ip ? `ip daddr ${ip}` : 'fib daddr type local'
  nft(`
    table ip ${table} {
      chain arriving {
        type nat hook prerouting priority dstnat
        ${to} ${protocol} dport ${host} dnat to ${address}:${container}
      }
    }`)
}

/** The same for who is on the host already: what it sends itself does not arrive, it only leaves. */
export function publishLocally(connection: Connection, port: Port): void {
  const { table, address, subnet } = connection
  const { ip, host, container, protocol } = port
  const to = ip ? `ip daddr ${ip}` : 'fib daddr type local'
  nft(`
    table ip ${table} {
      chain local {
        type nat hook output priority -100
        ${to} ${protocol} dport ${host} dnat to ${address}:${container}
      }
      chain leaving {
        type nat hook postrouting priority srcnat
        ip daddr ${address} ip saddr { 127.0.0.0/8, ${subnet} } ct status dnat masquerade
      }
    }`)
}
