/*
 * The names that a container knows: /etc/hosts, and whom to ask for all others, /etc/resolv.conf.
 */
import { existsSync, readFileSync, writeFileSync } from '../fs.ts'
import { type Lease, leaseFolder } from './leases.ts'

/** Tells each container the names of all. */
export function tellNames(all: Lease[]): void {
  for (const own of all) writeFileSync(`${leaseFolder(own.id)}/hosts`, hosts(own, all))
}

/** hosts(5). Written anew in place: the container has this very file mounted, and would keep an old one. */
function hosts(own: Lease, all: Lease[]): string {
  const others = all.filter(({ id }) => id !== own.id)
  const lines = [
    '127.0.0.1 localhost',
    '::1 localhost',
    `${own.gateway} host`,
    line(own.address, [own.hostname, own.name]),
    ...others.map(({ address, name }) => line(address, [name])),
  ]
  return `${lines.join('\n')}\n`
}

/** A name may hold anything to the kernel, a newline too. Here only one that is a name on the Internet: RFC 1123. */
function line(address: string, names: string[]): string {
  return [address, ...new Set(names.filter((name) => /^[a-zA-Z0-9][\w.-]*$/.test(name)))].join(' ')
}

/**
 * The host's resolv.conf(5), without name servers that only the host reaches: 127.0.0.53 is systemd-resolved's, which
 * writes down elsewhere whom it asks itself.
 */
export function resolvFile(): string {
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'].filter((file) => existsSync(file))
  const texts = files.map((file) => readFileSync(file, 'utf8').replace(/^nameserver\s+(127\.|::1).*\n?/gm, ''))
  return (
    texts.find((text) => /^nameserver/m.test(text)) ?? '# this host names no name server that a container reaches\n'
  )
}
