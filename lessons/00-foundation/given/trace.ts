/*
 * What `npm run box -- run --verbose` prints: every call that goes through bind(), in order, as strace(1) would write
 * it. MS_ and CLONE_ numbers are spelled out, since 0x44000 teaches nobody anything.
 */

import { writeSync } from './fs.ts'

type Tracer = (name: string, names: string[], args: unknown[], result: number, errno: number) => void

/** Called by bind() after each call, where somebody asked for it. */
export let trace: Tracer | undefined

/** Prints each call from now on, to standard error, with `who` made it (engine or init). */
export function traceTo(who: string): void {
  trace = (name, names, args, result, errno) => {
    const outcome = result === -1 ? `-1 ${nameOfErrno(errno)}` : String(result)
    writeSync(2, `${who.padEnd(7)} ${formatCall(name, names, args)} = ${outcome}\n`)
  }
}

let errnoNames: Map<number, string> | undefined

/** The name of an errno, such as EPERM for 1: errno(3). */
export function nameOfErrno(errno: number): string {
  // Loaded when something fails, and not before: a container that starts well need not pay for it.
  errnoNames ??= new Map(
    Object.entries(process.getBuiltinModule('node:os').constants.errno).map(([name, n]) => [n, name]),
  )
  return errnoNames.get(errno) ?? `errno ${errno}`
}

/** A call as C would write it: `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)`. */
export function formatCall(name: string, names: string[], args: unknown[]): string {
  return `${name}(${args.map((value, i) => formatArgument(name, names[i] ?? '', value)).join(', ')})`
}

function formatArgument(call: string, name: string, value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object') return '[…]'
  if (name === 'mode') return `0${Number(value).toString(8)}`
  const table = FLAGS[`${call}.${name}`]
  return table ? formatFlags(table, Number(value)) : String(value)
}

function formatFlags(table: Record<string, number>, value: number): string {
  const set = Object.entries(table).filter(([, bit]) => (value & bit) === bit)
  const rest = set.reduce((left, [, bit]) => left & ~bit, value)
  const words = set.map(([word]) => word)
  if (rest !== 0) words.push(rest < 0x100 ? String(rest) : `0x${rest.toString(16)}`)
  return words.join('|') || '0'
}

const CLONE = {
  CLONE_NEWNS: 0x20000,
  CLONE_NEWCGROUP: 0x2000000,
  CLONE_NEWUTS: 0x4000000,
  CLONE_NEWIPC: 0x8000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
}

const FLAGS: Record<string, Record<string, number>> = {
  'clone.flags': { ...CLONE, CLONE_PIDFD: 0x1000, SIGCHLD: 17 },
  'unshare.flags': { ...CLONE, CLONE_NEWTIME: 0x80 },
  'setns.nstype': { ...CLONE, CLONE_NEWTIME: 0x80 },
  'umount2.flags': { MNT_DETACH: 2 },
  'mount.mountflags': {
    MS_RDONLY: 0x1,
    MS_NOSUID: 0x2,
    MS_NODEV: 0x4,
    MS_NOEXEC: 0x8,
    MS_REMOUNT: 0x20,
    MS_BIND: 0x1000,
    MS_MOVE: 0x2000,
    MS_REC: 0x4000,
    MS_PRIVATE: 0x40000,
    MS_SLAVE: 0x80000,
    MS_SHARED: 0x100000,
    MS_STRICTATIME: 0x1000000,
  },
}
