/*
 * Which container has which address and which ports: a folder for each, since there is no daemon that would know.
 */
import { UsageError } from '../errors.ts'
import { existsSync, readdirSync, readFileSync, readlinkSync } from '../fs.ts'
import { RUNNING } from '../running.ts'
import { BRIDGE } from './connect.ts'
import type { Connection, Network, Port } from './network.ts'
import { formatSubnet, overlap, parseSubnet, type Subnet, sizeOf, toBytes, toNumber, toText } from './subnet.ts'

/** Holds a folder for each container that has an address in this network namespace. */
export const LEASES = `${RUNNING}/net-${readlinkSync('/proc/self/ns/net').replace(/\D/g, '')}`
export const leaseFolder = (id: string) => `${LEASES}/${id}`

export interface Lease extends Connection {
  id: string
  name: string
  hostname: string
  ports: Port[]
}

/** What is leased now. */
export function leases(): Lease[] {
  if (!existsSync(LEASES)) return []
  return readdirSync(LEASES).flatMap((id) => {
    try {
      return JSON.parse(readFileSync(`${leaseFolder(id)}/lease.json`, 'utf8')) as Lease
    } catch {
      return [] // its engine was killed before it had written it
    }
  })
}

type Place = Omit<Connection, 'cable' | 'table'>

/**
 * A place in the subnet: the address that is wanted, or the first that is free.
 *
 * @throws {UsageError} where there is none, or the subnet is in use elsewhere
 */
export function findPlace({ subnet: text, address: wish }: Network, others: Lease[]): Place {
  const subnet = parseSubnet(text)
  if (!subnet || sizeOf(subnet) < 4) throw refused(`'${text}' is no subnet with room for a bridge and a container`)
  const [other] = others
  if (other && other.subnet !== text) {
    throw refused(`the bridge has ${other.subnet} while containers run on it, and this one wants ${text}`)
  }
  if (!other) refuseRouted(subnet)
  return place(subnet, wish === undefined ? firstFree(subnet, others) : ifFree(subnet, wish, others))
}

function place(subnet: Subnet, address: number): Place {
  return {
    address: toText(address),
    // Made of the address: who gets it next has the same, and no neighbour's ARP table is wrong then.
    mac: [0x02, 0x57, ...toBytes(address)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    gateway: toText(gatewayOf(subnet)),
    prefix: subnet.prefix,
    subnet: formatSubnet(subnet),
  }
}

const gatewayOf = ({ first }: Subnet) => first + 1
const lastOf = (subnet: Subnet) => subnet.first + sizeOf(subnet) - 2 // the one after it is for broadcasts

function firstFree(subnet: Subnet, others: Lease[]): number {
  const taken = new Set(others.map(({ address }) => toNumber(address)))
  for (let address = gatewayOf(subnet) + 1; address <= lastOf(subnet); address++)
    if (!taken.has(address)) return address
  const many = others.length === 1 ? '1 container has' : `${others.length} containers have`
  throw refused(`${formatSubnet(subnet)} is used up: ${many} all its addresses. End one, or a larger --subnet for all`)
}

function ifFree(subnet: Subnet, wish: string, others: Lease[]): number {
  const address = toNumber(wish)
  const free = `${toText(gatewayOf(subnet) + 1)} to ${toText(lastOf(subnet))}`
  if (!(address > gatewayOf(subnet) && address <= lastOf(subnet)))
    throw refused(`${wish} is not for a container: in ${formatSubnet(subnet)} these are, ${free}`)
  const owner = others.find((lease) => lease.address === wish)
  if (owner) throw refused(`the container '${owner.name}' has ${wish} already`)
  return address
}

/** A subnet that the host reaches elsewhere already would be cut off, or the containers would be. */
function refuseRouted(subnet: Subnet): void {
  const taken = routes().find((route) => route.prefix > 0 && route.link !== BRIDGE && overlap(route, subnet))
  if (!taken) return
  const where = `${formatSubnet(taken)} by way of ${taken.link}`
  throw refused(`${formatSubnet(subnet)} overlaps what this host has already, ${where}.
  Another --subnet, or WORKSHOP_SUBNET for all`)
}

/** The routes of this network namespace. The numbers are in the machine's byte order: proc_net(5). */
function routes(): (Subnet & { link: string })[] {
  const [, ...lines] = readFileSync('/proc/net/route', 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [link = '', destination = '', , , , , , mask = ''] = line.split('\t')
    const bits = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length
    return { link, first: hex(destination), prefix: bits }
  })
}

const hex = (text: string) => Buffer.from(text, 'hex').readUInt32LE()

/**
 * A port leads to one place only.
 *
 * @throws {UsageError} where another container has it, or a program of the host listens there
 */
export function refuseTaken(port: Port, others: Lease[]): void {
  const same = (other: Port) => other.host === port.host && other.protocol === port.protocol && meet(other.ip, port.ip)
  const what = `${port.ip ? `${port.ip}:` : ''}${port.host}/${port.protocol}`
  const owner = others.find(({ ports }) => ports.some(same))
  if (owner) throw refused(`port ${what} leads to the container '${owner.name}' already`)
  const listens = listeners(port.protocol).some(({ ip, number }) => number === port.host && meet(ip, port.ip))
  if (listens) throw refused(`a program of this host listens on port ${what} already: ss -lnp shows which`)
}

const meet = (a: string | undefined, b: string | undefined) => a === undefined || b === undefined || a === b

const LISTENS = { tcp: '0A', udp: '07' } // TCP_LISTEN, and for udp TCP_CLOSE: no peer

/** The ports on which this network namespace listens: proc_net(5). Of IPv6, those that take IPv4 as well. */
function listeners(protocol: Port['protocol']): { ip?: string; number: number }[] {
  return [protocol, `${protocol}6`].flatMap((file) => {
    if (!existsSync(`/proc/net/${file}`)) return []
    const [, ...lines] = readFileSync(`/proc/net/${file}`, 'utf8').trimEnd().split('\n')
    return lines.flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/)
      const [address = '', port = ''] = local.split(':')
      if (state !== LISTENS[protocol]) return []
      const number = Number.parseInt(port, 16)
      if (/^0+$/.test(address)) return [{ number }]
      return address.length === 8 ? [{ ip: toText(hex(address)), number }] : []
    })
  })
}

function refused(message: string): UsageError {
  return new UsageError(message, 125)
}
