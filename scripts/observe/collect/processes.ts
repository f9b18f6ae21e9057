/*
 * The processes, from /proc. All are looked at each time, but only a part of them whole: the young, those that became
 * another program, and of the others each second time a half. Whoever unshares or gives up capabilities late in his
 * life is so found a moment later.
 */
import { type Inodes, KINDS, type Process } from '../model.ts'
import type { Cgroups } from './cgroups.ts'
import { link, list, read } from './files.ts'

const YOUNG = 4 // times looked at

interface Known {
  process: Process
  looks: number
}

export class Processes {
  readonly #known = new Map<number, Known>()
  readonly #kernels = new Set<number>()
  #table: Record<string, Process> = {}
  #looks = 0

  /**
   * Looks again.
   *
   * @param host the namespaces of process 1: of the processes in them the arguments are not read
   */
  look(host: Inodes, cgroups: Cgroups): Record<string, Process> {
    this.#looks++
    if (this.#looks % 32 === 0) this.#kernels.clear() // a number can be another's by now
    const pids = list('/proc').filter(isNumber).map(Number)
    let changed = pids.length < this.#known.size
    const alive = new Set<number>()
    for (const pid of pids) {
      if (this.#kernels.has(pid)) continue
      const before = this.#known.get(pid)
      const process = this.#lookAt(pid, before, host, cgroups)
      if (!process) continue
      alive.add(pid)
      if (process !== before?.process) changed = true
      this.#known.set(pid, { process, looks: isSame(process, before) ? before.looks + 1 : 0 })
    }
    for (const pid of this.#known.keys()) {
      if (alive.has(pid)) continue
      this.#known.delete(pid)
      changed = true
    }
    if (changed) this.#table = Object.fromEntries([...this.#known].map(([pid, { process }]) => [pid, process]))
    return this.#table
  }

  #lookAt(pid: number, before: Known | undefined, host: Inodes, cgroups: Cgroups): Process | undefined {
    const stat = statOf(pid)
    if (!stat) return undefined
    if (stat.kernel) {
      this.#kernels.add(pid)
      return undefined
    }
    const same = before && before.process.since === stat.since ? before : undefined
    if (stat.ended) return same && (same.process.ended ? same.process : { ...same.process, ended: true })
    const plain = same?.process.name === stat.name && same.process.parent === stat.parent
    if (same && plain && same.looks > YOUNG && (pid + this.#looks) % 2 === 0) return same.process
    const process = wholeOf(pid, stat, host, cgroups)
    return process && same && isEqual(process, same.process) ? same.process : process
  }
}

const isNumber = (name: string) => name.charCodeAt(0) <= 57 && name.charCodeAt(0) >= 48

const isSame = (process: Process, before: Known | undefined): before is Known =>
  before?.process.since === process.since && before.process.name === process.name

function isEqual(a: Process, b: Process): boolean {
  return (Object.keys(a) as (keyof Process)[]).every((key) => String(a[key]) === String(b[key]))
}

interface Stat {
  name: string
  parent: number
  since: number
  kernel: boolean
  ended: boolean
}

const PF_KTHREAD = 0x00200000

/** /proc/<pid>/stat: proc(5). The name may hold spaces and brackets, so one counts from the last one. */
function statOf(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (!text) return undefined
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ', 20) // from the third on
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    ended: fields[0] === 'Z' || fields[0] === 'X',
    parent: Number(fields[1]),
    kernel: (Number(fields[6]) & PF_KTHREAD) !== 0,
    since: Number(fields[19]),
  }
}

function wholeOf(pid: number, { name, parent, since }: Stat, host: Inodes, cgroups: Cgroups): Process | undefined {
  const namespaces = inodesOf(pid)
  const status = read(`/proc/${pid}/status`)
  const cgroup = read(`/proc/${pid}/cgroup`)
  if (!namespaces || !status || cgroup === undefined) return undefined
  const isHosts = namespaces.join() === host.join()
  return {
    pid,
    since,
    parent,
    name,
    command: isHosts ? '' : commandOf(pid),
    numbers: lineOf(status, 'NSpid').split('\t').map(Number),
    namespaces,
    uid: Number(lineOf(status, 'Uid').split('\t')[0]),
    effective: lineOf(status, 'CapEff'),
    bounding: lineOf(status, 'CapBnd'),
    cgroup: cgroups.pathOf(cgroup),
    ended: false,
  }
}

/** The inodes of a process's namespaces; undefined where it has ended. */
export function inodesOf(pid: number): number[] | undefined {
  const links = KINDS.map((kind) => link(`/proc/${pid}/ns/${kind}`))
  if (links.some((one) => one === undefined)) return undefined
  return links.map((one = '') => Number(one.slice(one.indexOf('[') + 1, -1)))
}

function lineOf(status: string, field: string): string {
  const start = status.indexOf(`\n${field}:`) + field.length + 3
  return status.slice(start, status.indexOf('\n', start))
}

const MOST = 100 // letters of a command

function commandOf(pid: number): string {
  const words = (read(`/proc/${pid}/cmdline`) ?? '').split('\0').join(' ').trim()
  return words.length > MOST ? `${words.slice(0, MOST - 1)}…` : words
}
