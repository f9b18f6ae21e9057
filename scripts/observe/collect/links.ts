/*
 * The links of a network namespace, as ip(8) tells them. It is asked only when something has changed there: starting it
 * takes longer than all else here.
 */
import { execFile } from 'node:child_process'
import type { Link } from '../model.ts'
import { read } from './files.ts'

const AT_ONCE = 2

/** Changes when links, addresses or their state do. It is cheap to ask for. */
export function fingerprintOfLinks(pid: number): string | undefined {
  const net = `/proc/${pid}/net`
  const devices = read(`${net}/dev`)
  if (devices === undefined) return undefined
  const names = [...devices.matchAll(/^ *([^\s:]+):/gm)].map(([, name]) => name)
  return [names.join(), read(`${net}/fib_trie`), read(`${net}/if_inet6`)].join('\n')
}

export class Links {
  readonly #known = new Map<number, readonly Link[]>()
  readonly #waiting = new Map<number, number>()
  #asked = 0

  /** What the last answer was; undefined before the first. */
  of(inode: number): readonly Link[] | undefined {
    return this.#known.get(inode)
  }

  /** Asks for those of the namespace that this process is in. */
  ask(inode: number, pid: number): void {
    this.#waiting.set(inode, pid)
    this.#next()
  }

  forget(inode: number): void {
    this.#known.delete(inode)
    this.#waiting.delete(inode)
  }

  #next(): void {
    const [waiting] = this.#waiting
    if (!waiting || this.#asked >= AT_ONCE) return
    const [inode, pid] = waiting
    this.#waiting.delete(inode)
    this.#asked++
    const words = [`--net=/proc/${pid}/ns/net`, 'ip', '-json', '-details', 'address']
    execFile('nsenter', words, { timeout: 10_000 }, (error, stdout) => {
      this.#asked--
      if (!error) this.#known.set(inode, linksOf(stdout)) // with an error it has just ended
      this.#next()
    })
  }
}

/** A part of what `ip -json -details address` says. */
interface IpLink {
  ifname?: string
  ifindex?: number
  link_index?: number
  link_type?: string
  flags?: string[]
  master?: string
  linkinfo?: { info_kind?: string }
  addr_info?: { local?: string; prefixlen?: number }[]
}

function linksOf(json: string): Link[] {
  const links: IpLink[] = json.trim() ? JSON.parse(json) : []
  return links.flatMap(({ ifname, ifindex, link_index, link_type, flags = [], master, linkinfo, addr_info = [] }) => {
    if (!ifname || ifindex === undefined) return []
    return {
      name: ifname,
      index: ifindex,
      type: linkinfo?.info_kind ?? link_type ?? '',
      up: flags.includes('UP'),
      addresses: addr_info.flatMap(({ local, prefixlen }) => (local ? `${local}/${prefixlen}` : [])),
      ...(master ? { bridge: master } : {}),
      ...(link_index !== undefined ? { peer: link_index } : {}),
    }
  })
}
