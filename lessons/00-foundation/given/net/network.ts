import type { Carrier } from '../user/carrier.ts'

/** What a container's network is to be. Plain data, as the whole spec. */
export interface Network {
  /** `bridge`: a cable to a bridge of the host. `none`: loopback only. `host` means no `net` mechanism at all. */
  mode: 'bridge' | 'none'
  /** The program that connects it where the caller may lay no cable, and the mode is `none`: lesson 07. */
  carrier?: Carrier
  /** The addresses that containers get, such as 10.213.0.0/24. */
  subnet: string
  /** The address that it asks for; else it gets the next free one. */
  address?: string
  ports: Port[]
  /** What it was given. Completed when it starts: connect.ts. */
  connection?: Connection
}

/** A port of the host that leads to one of the container: `--publish 8080:80`. */
export interface Port {
  /** The address of the host on which it is published; all of them unless given. */
  ip?: string
  host: number
  container: number
  protocol: 'tcp' | 'udp'
}

/** All that has a name or an address on the way from a container to the world. */
export interface Connection {
  /** The host's end of its cable. The other end is its eth0. */
  cable: string
  /** The nftables table with the rules that are about this container. */
  table: string
  address: string
  /** The hardware address of its eth0. */
  mac: string
  /** The bridge's own address: the way out. */
  gateway: string
  /** How many bits of an address are the subnet's: 24. */
  prefix: number
  subnet: string
}

export const NETWORK: Network = { mode: 'none', subnet: '10.213.0.0/24', ports: [] }
