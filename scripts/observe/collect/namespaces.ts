/*
 * The namespaces that processes are in, and what the kernel says of each: ioctl_ns(2), and what is in them.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import { CLONE_NEWUTS, setns } from '#given/libc.ts'
import { ioctl } from '#given/net/ioctl.ts'
import { mounts } from '#given/proc.ts'
import { KINDS, type Link, type Mount, type Namespace, type Process } from '../model.ts'
import { orGone, read } from './files.ts'
import { fingerprintOfLinks, Links } from './links.ts'

const NS_GET_USERNS = 0xb701
const NS_GET_PARENT = 0xb702

interface Known {
  entry: Namespace
  /** The process by which it was reached. Inodes are given out again: with another one it may be another namespace. */
  door: string
  /** Of mounts: the text that they were read from. Of links: what changes when they do. */
  text: string
}

export class Namespaces {
  readonly #known = new Map<number, Known>()
  readonly #links = new Links()
  readonly #own = openSync('/proc/self/ns/uts', 'r')
  #table: Record<string, Namespace> = {}

  /** Looks again. The inode of each leads to a process that is in it, by which it is reached. */
  look(processes: Record<string, Process>): Record<string, Namespace> {
    const doors = doorsOf(processes)
    let changed = false
    for (const inode of this.#known.keys()) {
      if (doors.has(inode)) continue
      this.#known.delete(inode)
      this.#links.forget(inode)
      changed = true
    }
    for (const [inode, { kind, pid, since }] of doors) {
      const before = this.#known.get(inode)
      const door = `${pid} ${since}`
      const known = this.#again(before?.door === door ? before : first(kind, inode, pid, door), pid)
      if (known.entry !== before?.entry) changed = true
      this.#known.set(inode, known)
    }
    if (changed) this.#table = Object.fromEntries([...this.#known].map(([inode, { entry }]) => [inode, entry]))
    return this.#table
  }

  close(): void {
    closeSync(this.#own)
  }

  #again(known: Known, pid: number): Known {
    const { kind, inode } = known.entry
    if (kind === 'uts') return withName(known, this.#nameIn(pid))
    if (kind === 'mnt') return withMounts(known, pid)
    if (kind === 'net') {
      const text = fingerprintOfLinks(pid)
      if (text !== undefined && text !== known.text) {
        this.#links.ask(inode, pid)
        return { ...known, text }
      }
      return withLinks(known, this.#links.of(inode))
    }
    return known
  }

  /** The host name in a UTS namespace. This thread goes there, asks, and comes back: all at once, so nobody notices. */
  #nameIn(pid: number): string | undefined {
    let there: number | undefined
    try {
      there = openSync(`/proc/${pid}/ns/uts`, 'r')
      setns(there, CLONE_NEWUTS)
    } catch (error) {
      return orGone(error)
    } finally {
      if (there !== undefined) closeSync(there)
    }
    try {
      return hostname()
    } finally {
      setns(this.#own, CLONE_NEWUTS)
    }
  }
}

/** A process of each namespace: the one that has been in it for longest. */
function doorsOf(processes: Record<string, Process>) {
  const doors = new Map<number, { kind: Namespace['kind']; pid: number; since: number }>()
  for (const { pid, since, namespaces, ended } of Object.values(processes)) {
    if (ended) continue
    for (const [i, inode] of namespaces.entries()) {
      const door = doors.get(inode)
      const kind = KINDS[i]
      if (kind && (!door || since < door.since)) doors.set(inode, { kind, pid, since })
    }
  }
  return doors
}

function first(kind: Namespace['kind'], inode: number, pid: number, door: string): Known {
  const owner = kind === 'user' ? undefined : related(kind, pid, NS_GET_USERNS)
  const parent = kind === 'user' || kind === 'pid' ? related(kind, pid, NS_GET_PARENT) : undefined
  return { entry: { kind, inode, ...(owner ? { owner } : {}), ...(parent ? { parent } : {}) }, door, text: '' }
}

/** Another namespace that the kernel knows from this one. EPERM says that it lies outside of our own. */
function related(kind: string, pid: number, request: number): number | undefined {
  const fds: number[] = []
  try {
    fds.push(openSync(`/proc/${pid}/ns/${kind}`, 'r'))
    fds.push(ioctl(fds[0] ?? -1, request, null))
    return fstatSync(fds[1] ?? -1).ino
  } catch (error) {
    return orGone(error)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

function withName(known: Known, hostname: string | undefined): Known {
  if (hostname === undefined || known.entry.hostname === hostname) return known
  return { ...known, entry: { ...known.entry, hostname } }
}

function withMounts(known: Known, pid: number): Known {
  const text = read(`/proc/${pid}/mountinfo`)
  if (!text || text === known.text) return known
  try {
    return { ...known, text, entry: { ...known.entry, mounts: mounts(pid).map(mountOf) } }
  } catch (error) {
    return orGone(error) ?? known
  }
}

function mountOf({ target, type, source, root, options, propagation }: ReturnType<typeof mounts>[number]): Mount {
  const from = root === '/' || root === '' ? source : `${source}[${root}]`
  return { target, type, source: from, options: [...options, ...propagation].join(' ') }
}

function withLinks(known: Known, links: readonly Link[] | undefined): Known {
  if (!links || known.entry.links === links) return known
  return { ...known, entry: { ...known.entry, links } }
}
