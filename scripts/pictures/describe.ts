/*
 * What a lesson's picture shows, in a few words, made into the model that `npm run observe` draws: so a picture in a
 * README and the live one on the page say the same in the same way.
 */
import type { VNode } from 'preact'
import type { Block } from '../observe/draw/blocks.ts'
import { drawingOf, drawRoom, type PictureOptions } from '../observe/draw/picture.ts'
import { type Chip, type Room, sceneOf } from '../observe/draw/scene.ts'
import { KINDS, type Kind, type Model, type Namespace, type Process } from '../observe/model.ts'

/** What a lesson's file exports. */
export interface Picture {
  title: string
  /** All of it in words, for whoever cannot see it. */
  description: string
  draw(): VNode
}

/** A room: the processes that have all their namespaces in common. */
export interface Home {
  title: string
  /** The namespaces that are drawn: of the host any, of another room its own. With what is in each. */
  namespaces: Partial<Record<Kind, Block[]>>
  processes: Inhabitant[]
  rooms?: Home[]
}

export interface Inhabitant {
  name: string
  /** Its numbers, the host's first: `[1000, 1]`. */
  numbers: [number, ...number[]]
  /** Who started it, as the host counts. Unless given, process 1. */
  parent?: number
}

const WIDTH = 796 // with the edge 800: what GitHub shows without making it smaller

/** The host with all that is in it, as a block. */
export function drawHome(host: Home, options: PictureOptions = {}): Block {
  const { model, contents } = modelOf(host)
  const chips = ({ sort, namespaces }: Room) => namespaces.filter((chip) => (sort === 'host' ? drawn(chip) : chip.own))
  const drawn = ({ inode }: Chip) => contents.has(inode)
  const occupants = (room: Room) => room.occupants
  return drawRoom(sceneOf(model), WIDTH, {
    chips,
    occupants,
    contents: ({ inode }) => contents.get(inode) ?? [],
    ...options,
  })
}

/** A picture that is nothing but a host. */
export function pictureOfHome(host: Home, { title, description }: Omit<Picture, 'draw'>): Picture {
  return { title, description, draw: () => drawingOf(drawHome(host), { title, description }) }
}

// Those of a machine itself: linux/nsfs.h. The kernel's source fixes them, for mnt and net since 6.18.
const FIRST: Record<Kind, number> = {
  ...{ cgroup: 4026531835, ipc: 4026531839, mnt: 4026531832, net: 4026531833, pid: 4026531836 },
  ...{ time: 4026531834, user: 4026531837, uts: 4026531838 },
}

interface Described {
  model: Model
  /** What is in a namespace, by inode. */
  contents: Map<number, Block[]>
}

function modelOf(host: Home): Described {
  const contents = new Map<number, Block[]>()
  const namespaces: Record<string, Namespace> = {}
  const processes: Record<string, Process> = {}
  const containers: Model['containers'] = {}
  let inode = 4026532176 // those made later are counted upwards
  const visit = (home: Home, around: Record<Kind, number>, isHost: boolean) => {
    const inodes = { ...around }
    for (const kind of KINDS) {
      const inside = home.namespaces[kind]
      if (!inside) continue
      if (!isHost) inodes[kind] = ++inode
      contents.set(inodes[kind], inside)
      namespaces[inodes[kind]] = { kind, inode: inodes[kind], ...(isHost ? {} : { parent: around[kind] }) }
    }
    for (const one of home.processes)
      processes[one.numbers[0]] = processOf(
        one,
        KINDS.map((kind) => inodes[kind]),
      )
    const [first] = home.processes
    if (first && !isHost) containers[home.title] = containerOf(home.title, first)
    for (const room of home.rooms ?? []) visit(room, inodes, false)
    return inodes
  }
  const inodes = visit(host, FIRST, true)
  const model: Model = {
    ...{ at: 0, namespaces, processes, containers, cgroups: {}, usage: {}, points: 0 },
    host: { name: 'host', kernel: '', cpus: 1, memory: 0, version: 2, namespaces: KINDS.map((kind) => inodes[kind]) },
  }
  return { model, contents }
}

function processOf({ name, numbers, parent = 1 }: Inhabitant, namespaces: number[]): Process {
  const [pid] = numbers
  const rest = { command: name, uid: 0, effective: '0', bounding: '0', cgroup: '/', ended: false }
  return { pid, since: pid, parent, name, numbers, namespaces, ...rest }
}

function containerOf(name: string, { numbers: [pid] }: Inhabitant): Model['containers'][string] {
  return { id: name, name, pid, started: 0, rootfs: '', mechanisms: [] }
}
