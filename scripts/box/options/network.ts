import { UsageError } from '#given/errors.ts'
import { existsSync } from '#given/fs.ts'
import type { Spec, Volume } from '#given/mechanism.ts'
import { NETWORK, type Port } from '#given/net/network.ts'
import { parseSubnet, sizeOf, toNumber } from '#given/net/subnet.ts'
import type { Arguments, Options } from '../../lib/command.ts'

export const options: Options = {
  net: { type: 'string', value: 'MODE', description: 'bridge (the default, for root), none, or host' },
  publish: {
    type: 'string',
    short: 'p',
    multiple: true,
    value: '[IP:]H:C',
    description: 'port H of the host leads to its port C; C/udp; often, too',
  },
  ip: { type: 'string', value: 'ADDRESS', description: 'its address on the bridge; a free one unless given' },
  subnet: { type: 'string', value: 'A.B.C.D/N', description: `the bridge's addresses; ${NETWORK.subnet} unless given` },
}

const MODES = ['bridge', 'none', 'host']

/** What these options ask of a container. */
export function read(values: Arguments['values']): Partial<Spec> {
  const mode = modeOf(values)
  const ports = ((values.publish ?? []) as string[]).map(port)
  const places = ports.map(({ ip = '', host, protocol }) => `${ip}:${host}/${protocol}`)
  const twice = places.find((place, i) => places.indexOf(place) < i)
  if (twice) throw new UsageError(`--publish: port ${twice.replace(/^:/, '')} of the host can lead to one place only`)
  const address = values.ip as string | undefined
  if (mode !== 'bridge') {
    const only = (['publish', 'ip', 'subnet'] as const).find((name) => values[name] !== undefined)
    const why = mode === 'none' ? 'and it has no network' : 'and it has all addresses and ports of the host'
    if (only) throw new UsageError(`--${only} is for a container on the bridge, ${why}: --net bridge`)
    return { network: NETWORK }
  }
  if (address !== undefined && Number.isNaN(toNumber(address)))
    throw new UsageError(`--ip ${shown(address)}: it wants an IPv4 address, such as 10.213.0.7`)
  return {
    network: { mode, subnet: subnet(values.subnet as string | undefined), ...(address ? { address } : {}), ports },
  }
}

/** With the host's network it has none of its own: the mechanism is left out. */
export function withNetwork(mechanisms: string[], values: Arguments['values']): string[] {
  return modeOf(values) === 'host' ? mechanisms.filter((name) => name !== 'net') : mechanisms
}

/** Whom to ask for names: the same as the host, where the network is the host's. */
export function volumes(values: Arguments['values']): Volume[] {
  if (modeOf(values) !== 'host') return []
  const files = ['/etc/hosts', '/etc/resolv.conf'].filter((file) => existsSync(file))
  return files.map((file) => ({ source: file, target: file, kind: 'file', readonly: true }))
}

/** What was asked for; else a bridge, or what user.ts has for him who is not root. WORKSHOP_NET sets it for all. */
function modeOf({ net }: Arguments['values']): string {
  const [wish, from] = net === undefined ? [process.env.WORKSHOP_NET, 'WORKSHOP_NET='] : [String(net), '--net ']
  if (!wish) return 'bridge'
  if (!MODES.includes(wish)) throw new UsageError(`${from}${shown(wish)}: there are ${MODES.join(', ')}`)
  if (wish === 'bridge' && process.getuid?.() !== 0)
    throw new UsageError(`${from}bridge is for root: it changes the network of the host. Without root: --net none`, 125)
  return wish
}

function subnet(wish: string | undefined): string {
  const [text, from] = wish === undefined ? [process.env.WORKSHOP_SUBNET, 'WORKSHOP_SUBNET='] : [wish, '--subnet ']
  if (!text) return NETWORK.subnet
  const wrong = (why: string) => new UsageError(`${from}${shown(text)}: ${why}`)
  const found = parseSubnet(text)
  if (!found) throw wrong('it wants the first address of a subnet and its length, such as 10.213.0.0/24')
  if (sizeOf(found) < 4) throw wrong('no room for a bridge and a container: /30 is the smallest')
  if (found.prefix < 8) throw wrong('that is more than one network: /8 is the largest')
  return text
}

function port(text: string): Port {
  const wrong = (why: string) => new UsageError(`--publish ${shown(text)}: ${why}`)
  const [, ip, host, container, protocol = 'tcp'] = text.match(/^(?:([^:]*):)?([^:/]*):([^:/]*)(?:\/(.*))?$/) ?? []
  if (host === undefined || container === undefined)
    throw wrong('it wants HOST:CONTAINER, two ports, such as 8080:80, or IP:HOST:CONTAINER')
  if (protocol !== 'tcp' && protocol !== 'udp') throw wrong(`'${protocol}' is neither tcp nor udp`)
  if (ip !== undefined && Number.isNaN(toNumber(ip))) throw wrong(`'${ip}' is no IPv4 address of this host`)
  const bad = [host, container].find(
    (number) => !/^\d{1,5}$/.test(number) || Number(number) < 1 || Number(number) > 65535,
  )
  if (bad !== undefined) throw wrong(`'${bad}' is no port: they go from 1 to 65535`)
  return { ...(ip && ip !== '0.0.0.0' ? { ip } : {}), host: Number(host), container: Number(container), protocol }
}

const shown = (text: string) => JSON.stringify(text).slice(1, 41).replace(/"$/, '')
