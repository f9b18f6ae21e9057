import type { Limits, Throttle } from '#given/cgroups/limits.ts'
import { UsageError } from '#given/errors.ts'
import { existsSync, readFileSync, statSync } from '#given/fs.ts'
import type { Spec } from '#given/mechanism.ts'
import type { Arguments, Options } from '../../lib/command.ts'

const limit = (value: string, description: string) => ({ type: 'string' as const, value, description })
const rate = (value: string, description: string) => ({ ...limit(value, description), multiple: true })

export const options: Options = {
  memory: { ...limit('512m', 'who takes more is killed; b, k, m, g'), short: 'm' },
  'memory-swap': limit('1g', 'memory and swap together; as much as --memory unless given, so no swap'),
  'memory-high': limit('400m', 'who takes more is slowed (cgroup v2)'),
  'cpu-shares': limit('512', 'its weight where the CPU is scarce, 2 to 262144; 1024 is the normal'),
  cpus: limit('0.5', 'CPU time that it never exceeds, in CPUs'),
  'cpuset-cpus': limit('0-2,4', 'the CPUs that it may run on'),
  'cpuset-mems': limit('0', 'the memory nodes that it may use'),
  'pids-limit': limit('64', 'how many processes and threads'),
  'device-read-bps': rate('DISK:1m', 'bytes a second that it may read from a disk; often, too'),
  'device-write-bps': rate('DISK:1m', 'or write'),
  'device-read-iops': rate('DISK:100', 'reads a second'),
  'device-write-iops': rate('DISK:100', 'or writes'),
}

/** Nobody is to believe that he limited something when what limits it is left out. */
export function mustHave(mechanisms: string[], values: Arguments['values']): void {
  const option = Object.keys(options).find((name) => values[name] !== undefined)
  if (!option || mechanisms.includes('cgroups')) return
  throw new UsageError(`--${option} is for the mechanism 'cgroups', which this container is not to have`)
}

/** What these options ask of a container. */
export function read(values: Arguments['values']): Partial<Spec> {
  const given = (name: string) => values[name] as string | undefined
  const all: { [Key in keyof Limits]: Limits[Key] | undefined } = {
    memory: memory(given('memory')),
    memorySwap: swap(given('memory-swap'), given('memory')),
    memoryHigh: size('memory-high', given('memory-high')),
    cpuShares: whole('cpu-shares', given('cpu-shares'), 2, 262_144),
    cpus: cpus(given('cpus')),
    cpusetCpus: members('cpuset-cpus', given('cpuset-cpus'), '/sys/devices/system/cpu/online', 'CPUs'),
    cpusetMems: members('cpuset-mems', given('cpuset-mems'), '/sys/devices/system/node/online', 'memory nodes'),
    pids: whole('pids-limit', given('pids-limit'), values.init ? INIT : 1, pidMax()),
    throttles: throttles(values),
  }
  const asked = Object.entries(all).filter(([, value]) => value !== undefined)
  return { limits: Object.fromEntries(asked) }
}

/** Docker's least, too: what a command takes to start, and the kernel to account for it. */
const LEAST = 6 * 1024 ** 2

function memory(text: string | undefined): number | undefined {
  const bytes = size('memory', text)
  if (bytes === undefined) return undefined
  if (bytes < LEAST) {
    const meant = /^\d+$/.test(text ?? '') && bytes >= 6 ? `Did you mean ${text}m? ` : ''
    throw wrong('memory', text, `that is ${bytes} bytes. ${meant}No container starts with less than 6m`)
  }
  const total = Number(readFileSync('/proc/meminfo', 'utf8').match(/^MemTotal: +(\d+)/m)?.[1]) * 1024
  if (bytes > total) throw wrong('memory', text, `this machine has ${Math.floor(total / 1024 ** 2)}m`)
  return bytes
}

function swap(text: string | undefined, memory: string | undefined): number | undefined {
  const both = size('memory-swap', text)
  if (both === undefined) return undefined
  const own = size('memory', memory)
  if (own === undefined)
    throw wrong('memory-swap', text, 'it limits memory and swap together, so it takes --memory too')
  if (both < own) throw wrong('memory-swap', text, `memory and swap together cannot be less than --memory ${memory}`)
  return both
}

const UNITS: Record<string, number> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

function size(option: string, text: string | undefined, rest = text): number | undefined {
  if (rest === undefined) return undefined
  const [, number, unit = ''] = rest.toLowerCase().match(/^(\d{1,15}(?:\.\d{1,6})?)(b|[kmgt]?)b?$/) ?? []
  const bytes = Math.floor(Number(number) * (UNITS[unit] ?? Number.NaN))
  if (!(bytes > 0)) throw wrong(option, text, 'it wants a size, such as 512m or 1.5g')
  if (bytes > Number.MAX_SAFE_INTEGER) throw wrong(option, text, 'that is more than there is in the world')
  return bytes
}

function whole(option: string, text: string | undefined, least: number, most: number, rest = text): number | undefined {
  if (rest === undefined) return undefined
  const number = /^\d{1,15}$/.test(rest) ? Number(rest) : Number.NaN
  if (number >= least && number <= most) return number
  const why = least === INIT ? ', since --init has 7 threads itself' : ''
  throw wrong(option, text, `it wants a whole number from ${least} to ${most}${why}`)
}

function cpus(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const online = list(readFileSync('/sys/devices/system/cpu/online', 'utf8'))?.length ?? 1
  const number = /^\d{1,6}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  if (number > online) throw wrong('cpus', text, `this machine has ${online}`)
  if (number >= 0.01) return number // the kernel's least: 1 ms of every 100
  throw wrong('cpus', text, 'it wants a number of CPUs from 0.01 up, such as 0.5 or 2')
}

function members(option: string, text: string | undefined, file: string, of: string): string | undefined {
  if (text === undefined) return undefined
  const wanted = list(text)
  if (!wanted) throw wrong(option, text, `it wants ${of} by number, such as 0 or 0-2,4`)
  const online = existsSync(file) ? readFileSync(file, 'utf8').trim() : '0'
  const missing = wanted.find((number) => !list(online)?.includes(number))
  if (missing !== undefined) throw wrong(option, text, `there is no ${missing}; this machine has the ${of} ${online}`)
  return text
}

/** The numbers of a list like `0-2,4`; undefined where it is none. */
function list(text: string): number[] | undefined {
  const parts = text.trim().split(',')
  const numbers = parts.flatMap((part) => {
    const [, from = '', to = from] = part.match(/^(\d{1,4})(?:-(\d{1,4}))?$/) ?? []
    const count = Number(to) - Number(from) + 1
    return from !== '' && count > 0 ? Array.from({ length: count }, (_, i) => Number(from) + i) : [Number.NaN]
  })
  return numbers.some(Number.isNaN) ? undefined : numbers
}

/** The init of --init is a Node, whose threads count. */
const INIT = 12

const pidMax = () => Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'))

function throttles(values: Arguments['values']): Throttle[] | undefined {
  const kinds = ['read-bps', 'write-bps', 'read-iops', 'write-iops'] as const
  const all = kinds.flatMap((what) =>
    ((values[`device-${what}`] ?? []) as string[]).map((text) => throttle(what, text)),
  )
  return all.length > 0 ? all : undefined
}

function throttle(what: Throttle['what'], text: string): Throttle {
  const option = `device-${what}`
  const [, path, amount = ''] = text.match(/^(\/.*):([^:]*)$/) ?? []
  const example = what.endsWith('bps') ? '/dev/vda:1m' : '/dev/vda:100'
  if (path === undefined) throw wrong(option, text, `it wants a disk and a rate, such as ${example}`)
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found?.isBlockDevice())
    throw wrong(option, text, `${path} is ${found ? 'no disk' : 'not there'}; lsblk lists them`)
  const [major, minor] = [(found.rdev >> 8) & 0xfff, (found.rdev & 0xff) | ((found.rdev >> 12) & 0xfff00)]
  const device = `${major}:${minor}`
  if (existsSync(`/sys/dev/block/${device}/partition`))
    throw wrong(option, text, `${path} is a partition, and the kernel limits whole disks only`)
  const most = 2 ** 32
  const number = what.endsWith('bps') ? size(option, text, amount) : whole(option, text, 1, most, amount)
  return { device, what, rate: number ?? 0 }
}

function wrong(option: string, text: string | undefined, why: string): UsageError {
  return new UsageError(`--${option} ${JSON.stringify(text).slice(1, -1).slice(0, 60)}: ${why}`)
}
