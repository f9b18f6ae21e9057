import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { NAMESPACES, type Namespace, namespaces, processes, status } from '#given/proc.ts'

/** What the kernel says of a container's first process, in /proc of the host. */
export interface Measured {
  pid: number
  /** Which namespaces are not the host's. */
  own: Namespace[]
  /** Lines of /proc/<pid>/cgroup: the tree, by its controllers, `name=…` or nothing for v2, and the path in it. */
  cgroups: { tree: string; path: string }[]
  capBnd: string
  capEff: string
  noNewPrivs: boolean
  /** 0 none, 1 strict, 2 a filter: proc_pid_status(5). */
  seccomp: number
  /** Each line of uid_map: inside, outside, how many. */
  uidMap: [inside: number, outside: number, count: number][]
  /** Its parent, the parent of that, … up to pid 1. */
  parents: Ancestor[]
}

export interface Ancestor {
  pid: number
  /** The program, as its command line names it. */
  name: string
  /** Resident memory in kB, and the same with what is shared counted in parts. */
  rss: number
  pss: number
}

/** Reads all of it. */
export function measure(pid: number, host: number | 'self' = 'self'): Measured {
  const [here, there] = [namespaces(host), namespaces(pid)]
  const text = (field: string) => status(pid, field) ?? ''
  return {
    pid,
    own: NAMESPACES.filter((kind) => here[kind] !== there[kind]),
    cgroups: cgroupsOf(pid),
    capBnd: text('CapBnd'),
    capEff: text('CapEff'),
    noNewPrivs: text('NoNewPrivs') === '1',
    seccomp: Number(text('Seccomp')),
    uidMap: lines(`/proc/${pid}/uid_map`).map(
      (line) => line.trim().split(/\s+/).map(Number) as [number, number, number],
    ),
    parents: ancestors(pid),
  }
}

function cgroupsOf(pid: number) {
  return lines(`/proc/${pid}/cgroup`).map((line) => {
    const [, tree = '', ...path] = line.split(':')
    return { tree, path: path.join(':') }
  })
}

function ancestors(pid: number): Ancestor[] {
  const parent = Number(status(pid, 'PPid'))
  if (parent === 0) return []
  return [about(parent), ...ancestors(parent)]
}

/** A process and all that it has started, and these. */
export function treeOf(pid: number): Ancestor[] {
  const children = processes().filter((one) => parentOf(one) === pid)
  return [about(pid), ...children.flatMap(treeOf)]
}

function about(pid: number): Ancestor {
  const { Rss = 0, Pss = 0 } = memory(pid)
  return { pid, name: nameOf(pid), rss: Rss, pss: Pss }
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(status(pid, 'PPid'))
  } catch {
    return undefined // it has ended meanwhile
  }
}

/** proc(5): smaps_rollup adds up all mappings. */
function memory(pid: number): Record<string, number> {
  return Object.fromEntries(
    lines(`/proc/${pid}/smaps_rollup`).flatMap((line) => {
      const [, name, kB] = /^(\w+): +(\d+) kB/.exec(line) ?? []
      return name ? [[name, Number(kB)]] : []
    }),
  )
}

/**
 * The program. It may write anything over its command line: LXC's monitor says `[lxc monitor] /path name`. And what goes
 * on as the copy of a Node, as the supervisor of `box run -d` does, has given itself another name.
 */
function nameOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  const [first = ''] = words
  if (first.startsWith('[')) return first.slice(0, first.indexOf(']') + 1)
  const script = words.find((word) => word.endsWith('.ts'))
  if (!script) return basename(first)
  const name = status(pid, 'Name') ?? ''
  return name.startsWith('node') ? `node ${basename(script)}` : name
}

/** The process whose command line is this, if there is one. */
export function find(argv: string[]): number | undefined {
  const wanted = `${argv.join('\0')}\0`
  return processes().find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === wanted
    } catch {
      return false // it has ended meanwhile
    }
  })
}

function lines(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}
