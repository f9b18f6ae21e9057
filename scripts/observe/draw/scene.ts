/*
 * What there is to draw, found out of a picture of the machine: rooms in rooms. A room is a set of processes that have
 * all eight namespaces in common, and it lies in the room of whoever started its first process. With an earlier picture
 * beside it, all that is new or gone since is marked.
 */
import { type Container, type Inodes, inodeOf, KINDS, type Kind, type Model, type Process } from '../model.ts'

/** Against the picture that was remembered. */
export type Mark = 'same' | 'new' | 'gone'

export interface Room {
  id: string
  title: string
  sort: 'host' | 'lab' | 'container' | 'other'
  container?: Container
  namespaces: Chip[]
  occupants: Occupant[]
  rooms: Room[]
  mark: Mark
}

/** One of the eight namespaces of a room. */
export interface Chip {
  kind: Kind
  inode: number
  /** Is it another than that of the room around? The host's are nobody's but its own. */
  own: boolean
  mark: Mark
}

/** A process in its room. */
export interface Occupant {
  process: Process
  /** Its numbers, its own namespace's first, then outwards. */
  numbers: Numbered[]
  /** The rooms in this one whose first process it started. */
  starts: string[]
  mark: Mark
}

export interface Numbered {
  number: number
  /** The pid namespace that counts so. */
  inode: number
  /** The room whose pid namespace that is. */
  where: string
}

/** The room of the host, with all others in it. */
export function sceneOf(model: Model, before: Model = model): Room {
  const now = build(model)
  return before === model ? now : merge(now, build(before), before)
}

/** A process is the same one as before if it has the number and the time of its start. */
export function isSame(process: Process, before: Model): boolean {
  return before.processes[process.pid]?.since === process.since
}

/** A room with all that are in it, in the order in which they are drawn. */
export function allRooms(room: Room): Room[] {
  return [room, ...room.rooms.flatMap(allRooms)]
}

function build(model: Model): Room {
  const groups = groupByNamespaces(model)
  const host = keyOf(model.host.namespaces)
  const rooms = new Map([...groups].map(([key, members]) => [key, roomOf(key, members, model)]))
  if (!rooms.has(host)) rooms.set(host, roomOf(host, [], model))
  const around = new Map([...groups].map(([key, members]) => [key, key === host ? undefined : homeOf(members, model)]))
  const top = rooms.get(host) as Room
  for (const [key, room] of rooms) {
    if (key === host) continue
    const home = leadsTo(key, host, around) ? (rooms.get(around.get(key) ?? host) ?? top) : top
    home.rooms.push(room)
    room.namespaces = room.namespaces.map((chip, i) => ({ ...chip, own: chip.inode !== home.namespaces[i]?.inode }))
    noteStarter(room, home)
  }
  for (const room of rooms.values()) room.rooms.sort(byAge)
  nameNumbers(top, model)
  return top
}

const keyOf = (inodes: Inodes) => inodes.join()

function groupByNamespaces(model: Model): Map<string, Process[]> {
  const groups = new Map<string, Process[]>()
  const all = Object.values(model.processes).sort((a, b) => a.since - b.since || a.pid - b.pid)
  for (const process of all) {
    const key = keyOf(process.namespaces)
    const group = groups.get(key)
    if (group) group.push(process)
    else groups.set(key, [process])
  }
  return groups
}

/**
 * The room around: that of the first process's parent; but whoever joined a pid namespace from outside, as with
 * nsenter(1), lies in the room that the namespace was made for.
 */
function homeOf(members: Process[], model: Model): string {
  const first = members[0] as Process
  const pid = inodeOf(first.namespaces, 'pid')
  const parent = model.processes[first.parent]
  const joined = first.numbers.at(-1) !== 1 && parent && inodeOf(parent.namespaces, 'pid') !== pid
  const one = joined ? Object.values(model.processes).find((process) => isFirstIn(process, pid)) : undefined
  const home = one ?? parent
  return keyOf(home?.namespaces ?? model.host.namespaces)
}

const isFirstIn = ({ namespaces, numbers }: Process, pid: number) =>
  inodeOf(namespaces, 'pid') === pid && numbers.at(-1) === 1

/** Does the way outwards end at the host? Two processes that start within one clock tick could make a ring. */
function leadsTo(from: string, host: string, around: Map<string, string | undefined>): boolean {
  const seen = new Set<string>()
  for (let key: string | undefined = from; key !== undefined && !seen.has(key); key = around.get(key)) {
    if (key === host) return true
    seen.add(key)
  }
  return false
}

function roomOf(id: string, members: Process[], model: Model): Room {
  const isHost = id === keyOf(model.host.namespaces)
  const container = Object.values(model.containers).find(({ pid }) => members.some((process) => process.pid === pid))
  const sort = isHost ? 'host' : container ? 'container' : isLab(members[0], model) ? 'lab' : 'other'
  const title = container?.name ?? (sort === 'other' ? (members[0]?.name ?? '') : sort)
  return {
    id,
    title,
    sort,
    ...(container ? { container } : {}),
    namespaces: chipsOf(members[0]?.namespaces ?? model.host.namespaces),
    occupants: members.map((process) => ({ process, numbers: [], starts: [], mark: 'same' })),
    rooms: [],
    mark: 'same',
  }
}

/** A lab has a root for containers mounted at a place of its own, and its first process is number 1. */
function isLab(first: Process | undefined, model: Model): boolean {
  if (first?.numbers.at(-1) !== 1) return false
  const { mounts = [] } = model.namespaces[inodeOf(first.namespaces, 'mnt')] ?? {}
  return mounts.some(({ target }) => target === LAB_ROOTFS)
}

const LAB_ROOTFS = '/run/workshop/rootfs' // lab.ts, which the page does not load

function chipsOf(inodes: Inodes): Chip[] {
  return KINDS.map((kind, i) => ({ kind, inode: inodes[i] ?? 0, own: false, mark: 'same' }))
}

function noteStarter({ occupants, title }: Room, home: Room): void {
  const starter = home.occupants.find(({ process }) => process.pid === occupants[0]?.process.parent)
  starter?.starts.push(title)
}

const SORTS = ['host', 'container', 'lab', 'other']

function byAge(a: Room, b: Room): number {
  return SORTS.indexOf(a.sort) - SORTS.indexOf(b.sort) || startOf(a) - startOf(b)
}

const startOf = ({ occupants }: Room) => occupants[0]?.process.since ?? 0

/** Says for each number of a process which room counts so. */
function nameNumbers(top: Room, model: Model): void {
  const titles = new Map<number, string>()
  for (const { namespaces, title } of allRooms(top)) {
    const pid = namespaces.find(({ kind }) => kind === 'pid')?.inode ?? 0
    if (!titles.has(pid)) titles.set(pid, title)
  }
  for (const room of allRooms(top)) {
    for (const occupant of room.occupants) occupant.numbers = numbersOf(occupant.process, model, titles)
  }
}

function numbersOf({ numbers, namespaces }: Process, model: Model, titles: Map<number, string>): Numbered[] {
  let inode: number | undefined = inodeOf(namespaces, 'pid')
  return numbers.toReversed().map((number) => {
    const numbered = { number, inode: inode ?? 0, where: titles.get(inode ?? 0) ?? '' }
    inode = model.namespaces[inode ?? 0]?.parent
    return numbered
  })
}

/** Marks what is new in `now`, and puts in what was there `then` and is gone. */
function merge(now: Room, then: Room, before: Model): Room {
  const known = new Set(allRooms(then).map(({ id }) => id))
  const left = new Set(allRooms(now).map(({ id }) => id))
  const inodes = new Set(allRooms(then).flatMap(({ namespaces }) => namespaces.map(({ inode }) => inode)))
  const old = new Map(allRooms(then).map((room) => [room.id, room]))

  const visit = (room: Room): Room => {
    const was = old.get(room.id)
    const isNew = !known.has(room.id)
    const pids = new Set(room.occupants.map(({ process }) => `${process.pid} ${process.since}`))
    const gone = (was?.occupants ?? []).filter(({ process }) => !pids.has(`${process.pid} ${process.since}`))
    return {
      ...room,
      mark: isNew ? 'new' : 'same',
      namespaces: room.namespaces.map((chip) => ({ ...chip, mark: inodes.has(chip.inode) ? 'same' : 'new' })),
      occupants: [
        ...room.occupants.map((one) => ({ ...one, mark: isSame(one.process, before) ? one.mark : ('new' as const) })),
        ...gone.map((one) => ({ ...one, mark: 'gone' as const })),
      ],
      rooms: [...room.rooms.map(visit), ...(was?.rooms ?? []).filter(({ id }) => !left.has(id)).map(bury)],
    }
  }
  return visit(now)
}

function bury(room: Room): Room {
  const gone = 'gone' as const
  return {
    ...room,
    mark: gone,
    namespaces: room.namespaces.map((chip) => ({ ...chip, mark: gone })),
    occupants: room.occupants.map((one) => ({ ...one, mark: gone })),
    rooms: room.rooms.map(bury),
  }
}
