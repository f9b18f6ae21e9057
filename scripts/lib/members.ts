import { readFileSync, readlinkSync } from 'node:fs'
import { processes, status } from '#given/proc.ts'
import type { Entry } from '#given/running.ts'

/** A process of a container. */
export interface Member {
  /** As this host numbers it. */
  pid: number
  /** As the container does. */
  inside: number
  /** Its user, as the container numbers it. */
  uid: number
  /** sleeping, running, … */
  state: string
  /** CPU time that it has used, in seconds. */
  cpu: number
  command: string
}

/** The processes of a container: those in its pid namespace, however they came there, and in namespaces below that. */
export function membersOf(entry: Entry): Member[] {
  const { pid: first, spec } = entry.container
  const own = pidNamespace(first)
  const depth = numbersOf(first).length
  const hasOwn = pidNamespace('self') !== own // in a lab a container may have none
  const isIn = (pid: number): boolean =>
    pid === first || (hasOwn && pid > 0 && pidNamespace(pid) === own) || (pid > 1 && isIn(Number(status(pid, 'PPid'))))
  return processes().flatMap((pid) => {
    try {
      return isIn(pid) ? memberOf(pid, numbersOf(pid)[depth - 1] ?? pid, spec) : []
    } catch {
      return [] // it has just ended, or is somebody else's
    }
  })
}

const pidNamespace = (pid: number | 'self') => readlinkSync(`/proc/${pid}/ns/pid`)
const numbersOf = (pid: number) => (status(pid, 'NSpid') ?? '').split(/\s+/).map(Number)

const TICKS = 100 // a second: USER_HZ, on every machine of ours

function memberOf(pid: number, inside: number, spec: Entry['container']['spec']): Member {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // from the third on: proc_pid_stat(5)
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  return {
    ...{ pid, inside },
    uid: insideId(Number(status(pid, 'Uid')?.split(/\s+/)[1]), spec), // the effective one
    state: status(pid, 'State')?.match(/\((.*)\)/)?.[1] ?? '',
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    command: words.length > 0 ? words.join(' ') : `[${stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))}]`,
  }
}

/** A user of the host as the container's user namespace numbers it. */
function insideId(id: number, { mechanisms, ids }: Entry['container']['spec']): number {
  if (!mechanisms.includes('user')) return id
  const range = ids.uids.find(({ outside, count }) => id >= outside && id < outside + count)
  return range ? id - range.outside + range.inside : NOBODY
}

const NOBODY = 65534 // /proc/sys/kernel/overflowuid
