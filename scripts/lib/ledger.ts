/*
 * The ledger: what the machine had before a run of the tests and what it has after. A difference is a leak of ours,
 * and fails the run.
 *
 * The machine runs things that are not ours, so each list asks only for what we could have left.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { WNOHANG, waitpid } from '#given/libc.ts'
import { mounts, NAMESPACES } from '#given/proc.ts'
import { containersFolder } from '#given/union.ts'

export interface Ledger {
  mounts: string[]
  links: string[]
  /** Firewall tables, and whether the machine is a router. */
  nftables: string[]
  router: string[]
  cgroups: string[]
  run: string[]
  tmp: string[]
  /** What containers changed in their roots: lesson 10. */
  changes: string[]
  ipc: string[]
  hostname: string[]
  /** This process's own: a call in the wrong process would have moved it. */
  namespaces: string[]
  /** Children that this process had. */
  processes: string[]
}

/** Writes down what the machine has. */
export function takeLedger(): Ledger {
  return {
    mounts: mounts()
      .filter(({ target }) => target !== ON_DEMAND)
      .map(({ target, type, source, root, options, propagation }) => {
        return `${target} (${type} ${source} ${root} ${options.join()} ${propagation.join()})`
      }),
    links: readdirSync('/sys/class/net'),
    nftables: (spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '').split('\n').filter(Boolean),
    router: [`ip_forward=${readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim()}`],
    cgroups: cgroups(),
    run: readdirSync('/run').filter((name) => !TOOLS.test(name)),
    tmp: readdirSync('/tmp').filter((name) => !TOOLS.test(name)),
    changes: existsSync(containersFolder()) ? readdirSync(containersFolder()).filter((name) => name !== '.lock') : [],
    ipc: ['shm', 'sem', 'msg'].flatMap((kind) => readFileSync(`/proc/sysvipc/${kind}`, 'utf8').split('\n').slice(1)),
    hostname: [readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()],
    namespaces: NAMESPACES.map((kind) => readlinkSync(`/proc/self/ns/${kind}`)),
    processes: children(process.pid).map(describe),
  }
}

/** Mounted by systemd when somebody looks there, and unmounted when nobody does. */
const ON_DEMAND = '/proc/sys/fs/binfmt_misc'

/** What programs keep there on purpose: caches, and the private folders that systemd gives to its services. */
const TOOLS = /^(tsx-|node-compile-cache$|systemd-private-)/

/** What one ledger has and the other has not, in words. Empty when nothing changed. */
export function compareLedgers(before: Ledger, after: Ledger): string[] {
  return Object.entries(after).flatMap(([kind, now]: [string, string[]]) => {
    const then: string[] = before[kind as keyof Ledger]
    const added = now.filter((item) => !then.includes(item)).map((item) => `${kind}: left behind: ${item}`)
    const others = [after.tmp, after.run, after.changes] // who else runs something may tidy up
    const gone = others.includes(now) ? [] : then.filter((item) => !now.includes(item))
    return [...added, ...gone.map((item) => `${kind}: no longer there: ${item}`)]
  })
}

/** Every cgroup without processes of others in it: those belong to whoever runs in them. */
function cgroups(): string[] {
  const roots = mounts().filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
  return roots.flatMap(({ target }) => below(target)).filter(isOurs)
}

function below(folder: string): string[] {
  let names: string[] = []
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name))
  } catch {
    return [] // gone meanwhile
  }
  return names.flatMap((name) => [name, ...below(name)])
}

function isOurs(cgroup: string): boolean {
  return cgroup.includes('workshop') || isDeserted(cgroup)
}

function isDeserted(cgroup: string): boolean {
  try {
    const populated = `${cgroup}/cgroup.events`
    if (existsSync(populated)) return readFileSync(populated, 'utf8').includes('populated 0')
    return readFileSync(`${cgroup}/cgroup.procs`, 'utf8') === ''
  } catch {
    return false
  }
}

/** The children of a process, as the kernel lists them. */
export function children(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    const list = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
    return list.split(' ').filter(Boolean).map(Number)
  })
}

/** A process in words. */
export function describe(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').match(/\) (\w)/)?.[1]
    return `${pid} ${command || '(no command line)'}${state === 'Z' ? ' (a zombie)' : ''}`
  } catch {
    return `${pid} (gone)`
  }
}

/** Waits for children that have ended and that Node does not know, such as orphans that came to a subreaper. */
export function buryOrphans(known: number[]): void {
  for (const pid of children(process.pid)) {
    if (known.includes(pid) || !describe(pid).endsWith('(a zombie)')) continue
    try {
      waitpid(pid, WNOHANG)
    } catch {
      // ECHILD: Node knew it after all
    }
  }
}
