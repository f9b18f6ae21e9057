/*
 * One picture of the machine: what the collector finds out, what travels to the page, what the drawings draw. Plain data,
 * and entries never change: whoever has something new to say puts a new entry in the old one's place. So two pictures
 * are compared entry by entry, by identity.
 */
import type { Namespace as Kind } from '#given/proc.ts'

export type { Kind }

/** The eight kinds of namespace, in the order in which a process has them in `Process.namespaces`. */
export const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const satisfies readonly Kind[]

/** The namespaces of a process, as inodes: `4026531838` of `uts:[4026531838]`. One for each of KINDS. */
export type Inodes = readonly number[]

export interface Model {
  /** Milliseconds since 1970. */
  at: number
  host: Host
  /** By inode. Those that a process is in. */
  namespaces: Record<string, Namespace>
  /** By number, as the host counts. Without the kernel's own threads. */
  processes: Record<string, Process>
  /** By id. */
  containers: Record<string, Container>
  /** By path. Those that have processes, and those above them. */
  cgroups: Record<string, Cgroup>
  /** By the cgroup's path. */
  usage: Record<string, Usage>
  /** How many points the curves have had. */
  points: number
  /** Where the learner is. */
  lesson?: LessonNow
}

export interface Host {
  name: string
  /** Its version: `6.12.0`. */
  kernel: string
  cpus: number
  /** In bytes. */
  memory: number
  /** Of cgroups. */
  version: 1 | 2
  /** Those of process 1, or of the observer where one may not look at that. */
  namespaces: Inodes
}

export interface Namespace {
  kind: Kind
  inode: number
  /** The one around it, as the kernel says (ioctl_ns(2), NS_GET_PARENT): pid and user have one, but for the outermost. */
  parent?: number
  /** The user namespace that it belongs to: NS_GET_USERNS. Capabilities over it count there. */
  owner?: number
  /** Of a UTS namespace. */
  hostname?: string
  /** Of a mount namespace. */
  mounts?: readonly Mount[]
  /** Of a network namespace. */
  links?: readonly Link[]
}

export interface Mount {
  target: string
  type: string
  source: string
  /** `ro`, `nosuid`, … with `shared:1` and its like. */
  options: string
}

export interface Link {
  name: string
  /** Its number in its namespace. */
  index: number
  /** `veth`, `bridge`, `loopback`, … */
  type: string
  up: boolean
  /** `10.0.0.2/24` */
  addresses: readonly string[]
  /** The bridge that it belongs to. */
  bridge?: string
  /** The number of the other end, of a veth pair. */
  peer?: number
}

export interface Process {
  pid: number
  /** When it started, in clock ticks since boot: pid and this together are one process and no other. */
  since: number
  parent: number
  /** The kernel's short name for it. */
  name: string
  /** Its arguments, shortened; of the host's own processes they are nobody's business. */
  command: string
  /** Its number in each pid namespace that it is in, the host's first: NSpid of /proc/<pid>/status. */
  numbers: readonly number[]
  namespaces: Inodes
  /** As the host numbers users. */
  uid: number
  /** The sets as the kernel writes them, in hexadecimal: capabilities(7). */
  effective: string
  bounding: string
  cgroup: string
  /** It has ended, and nobody has waited for it: a zombie. */
  ended: boolean
}

export interface Container {
  id: string
  name: string
  /** Its first process, as the host counts. */
  pid: number
  /** Milliseconds since 1970. */
  started: number
  rootfs: string
  mechanisms: readonly string[]
}

export interface Cgroup {
  path: string
  /** The one around it; not of the root. */
  parent?: string
  /** What it may have; what is missing has no limit. */
  limits: { memory?: number; pids?: number; cpus?: number }
  /** How often it met them. */
  events: { oomKills?: number; forksRefused?: number; throttled?: number }
  frozen: boolean
}

/** Curves, a point each second, the latest last; the numbers are null where no controller counts. */
export interface Usage {
  /** In percent of one CPU. */
  cpu: readonly (number | null)[]
  /** In KiB. */
  memory: readonly (number | null)[]
  /** Processes and threads, now. */
  tasks: number | null
}

/** How many points a curve has. */
export const POINTS = 60

export interface LessonNow {
  /** `04` */
  number: string
  title: string
  /** The namespace that it is about, where it is about one. */
  kind?: Kind
}

/** The inode of one kind. */
export function inodeOf(inodes: Inodes, kind: Kind): number {
  return inodes[KINDS.indexOf(kind)] ?? 0
}

/** As the kernel names it: `uts:[4026531838]`. */
export function nameOf({ kind, inode }: Pick<Namespace, 'kind' | 'inode'>): string {
  return `${kind}:[${inode}]`
}
