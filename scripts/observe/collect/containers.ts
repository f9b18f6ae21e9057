/*
 * The containers that are written down: this machine's, and those in the labs on it, where each lab has a /run of its
 * own and counts processes in its own way.
 */
import { type Entry, RUNNING, running } from '#given/running.ts'
import { type Container, inodeOf, type Model, type Process } from '../model.ts'
import { list, read } from './files.ts'

type Known = Pick<Model, 'processes' | 'namespaces'>

/** All of them, by id. */
export function containersOf(known: Known, before: Record<string, Container>): Record<string, Container> {
  const here = running().map((entry) => containerOf(entry, entry.container.pid))
  const found = [...here, ...labsOf(known).flatMap((lab) => containersIn(lab, known))]
  const kept = found.map((one) => {
    const old = before[one.id]
    return old && JSON.stringify(old) === JSON.stringify(one) ? old : one
  })
  const same = kept.length === Object.keys(before).length && kept.every((one) => before[one.id] === one)
  return same ? before : Object.fromEntries(kept.map((one) => [one.id, one]))
}

function containerOf({ container, started }: Entry, pid: number): Container {
  const { id, spec } = container
  return { id, name: spec.name, pid, started, rootfs: spec.rootfs, mechanisms: spec.mechanisms }
}

/** The first process of each pid namespace below the host's: a lab's is one of these. */
function labsOf({ processes }: Known): Process[] {
  return Object.values(processes).filter(({ numbers, ended }) => numbers.length > 1 && numbers.at(-1) === 1 && !ended)
}

/** What is written down in a lab is only as good as whoever wrote it there. */
function containersIn(lab: Process, known: Known): Container[] {
  const folder = `/proc/${lab.pid}/root${RUNNING}`
  return list(folder)
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .flatMap((name) => {
      const entry = parsed(read(`${folder}/${name}`))
      const first = entry && numbered(entry.container.pid, lab, known)
      return first ? containerOf(entry, first.pid) : []
    })
}

function parsed(text: string | undefined): Entry | undefined {
  try {
    const entry: Entry = JSON.parse(text ?? '')
    const { id, pid, spec } = entry.container
    const words = [id, spec.name, spec.rootfs, ...spec.mechanisms]
    if (!/^\w+$/.test(id) || typeof pid !== 'number') return undefined
    return words.every((word) => typeof word === 'string') ? entry : undefined
  } catch {
    return undefined
  }
}

/** The process that has this number in the lab. */
function numbered(pid: number, lab: Process, { processes, namespaces }: Known): Process | undefined {
  const depth = lab.numbers.length - 1
  const space = inodeOf(lab.namespaces, 'pid')
  const isInside = ({ namespaces: own, numbers }: Process) => {
    let inode: number | undefined = inodeOf(own, 'pid')
    for (let level = numbers.length - 1; level > depth; level--) inode = namespaces[inode ?? 0]?.parent
    return inode === space
  }
  return Object.values(processes).find((process) => process.numbers[depth] === pid && isInside(process))
}
