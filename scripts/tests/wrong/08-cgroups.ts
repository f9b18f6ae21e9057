import type { Right, Wrong } from './wrong.ts'

export const wrong: Wrong[] = [
  {
    name: 'a group in one tree only',
    change: [['for (const { path } of groups(id)) mkdirSync(path)', 'mkdirSync(groups(id)[0].path)']],
    check: '08.1',
    says: /there is no group .*create\(\) makes one in each tree|not one of many/,
  },
  {
    name: 'never attached',
    change: [['for (const { path } of groups(id)) writeFileSync', 'for (const { path } of []) writeFileSync']],
    check: '08.2 a limit',
    says: /a limit without attach does nothing/,
  },
  {
    name: 'the engine attached, in place of the container',
    change: [['String(pid))', 'String(process.pid))']],
    check: '08.2 its processes',
    says: /Write the pid of the container/,
  },
  {
    name: 'nothing removed',
    change: [['for (const { path } of all) rmdirSync(path)', '']],
    check: '08.3 when the container',
    says: /rmdir\(2\) on each of its groups/,
  },
  {
    name: 'who was left behind is not killed',
    change: [['  killAll(all)', '  //']],
    check: '08.3 a process',
    says: /rmdir\(2\) EBUSY. killAll\(\) first/,
  },
  {
    name: 'removed as any folder',
    change: [
      ['rmdirSync(path)', 'rmSync(path, { recursive: true })'],
      ['rmdirSync, writeFileSync', 'rmSync, writeFileSync'],
    ],
    check: '08.3 when the container',
    says: /EPERM|rmdir/,
  },
  {
    name: 'memory in megabytes',
    change: [
      ["'memory.limit_in_bytes': memory", "'memory.limit_in_bytes': memory && memory / 1024 ** 2"],
      ["'memory.max': memory", "'memory.max': memory && memory / 1024 ** 2"],
    ],
    check: '08.4 both versions',
    says: /67108864/,
  },
  {
    name: 'no limit written as 0',
    change: [["'pids.max': pids }\n    :", "'pids.max': pids ?? 0 }\n    :"]],
    check: '08.4 both versions',
    says: /leave it undefined, not 0/,
  },
  {
    name: 'the names of the other version',
    change: [["return version === 1\n    ? { 'memory", "return version === 2\n    ? { 'memory"]],
    check: '08.4 who takes more memory',
    says: /there is no memory\.(max|limit_in_bytes) in .*the other version/,
  },
  {
    name: 'the weight forgotten',
    change: [
      ["'cpu.shares': cpuShares, ", ''],
      ["'cpu.weight': cpuShares && weightOf(cpuShares), ", ''],
    ],
    check: '08.5 on one CPU',
    says: /1024 against 256/,
  },
  {
    name: 'a quota that is not whole',
    change: [['Math.round(cpus * PERIOD)', 'cpus * PERIOD']],
    check: '08.5 both versions',
    says: /whole microseconds/,
  },
  {
    name: 'shares as they are for the weight',
    change: [['cpuShares && weightOf(cpuShares)', 'cpuShares']],
    check: '08.5 both versions',
    says: /half the normal weight/,
  },
  {
    name: 'frozen with the word of the other version',
    change: [
      ["frozen ? 'FROZEN' : 'THAWED'", "'THAWED'"],
      ["frozen ? '1' : '0'", "'0'"],
    ],
    check: '08.6',
    says: /FROZEN in freezer\.state on v1, 1 in cgroup\.freeze on v2/,
  },
  {
    name: 'CPU time in nanoseconds',
    change: [
      ["number(cpu, 'cpuacct.usage') / 1000", "number(cpu, 'cpuacct.usage')"],
      ["field(cpu, 'cpu.stat', 'usage_usec')", "field(cpu, 'cpu.stat', 'usage_usec') * 1000"],
    ],
    check: '08.7',
    says: /the CPU time in microseconds/,
  },
  {
    name: 'the tree not hidden',
    change: [['  unshare(CLONE_NEWCGROUP)', '']],
    check: '08.8',
    says: /it can read where on the host it is/,
  },

  {
    name: 'a limit for processes that is never written',
    change: [
      ["'memory.limit_in_bytes': memory, 'pids.max': pids }", "'memory.limit_in_bytes': memory }"],
      ["'memory.max': memory, 'pids.max': pids }", "'memory.max': memory }"],
      ['const { memory, pids } = limits', 'const { memory } = limits'],
    ],
    check: '08.4 who starts more processes',
    says: /pids\.max, in both versions/,
  },
  {
    name: 'a quota of whole milliseconds',
    change: [['Math.round(cpus * PERIOD)', 'Math.round(cpus * 100) * 10_000']],
    check: '08.5 a container that has used up its quota',
    says: /in microseconds/,
  },
  {
    name: 'the same weight for all',
    change: [
      ["'cpu.shares': cpuShares,", "'cpu.shares': 1024,"],
      ["'cpu.weight': cpuShares && weightOf(cpuShares)", "'cpu.weight': 100"],
    ],
    check: '08.5 on one CPU',
    says: /1024 against 256/,
  },
  {
    name: 'removed once only',
    change: [['const all = existing(id)', 'const all = groups(id)']],
    check: '08.3 another process',
    says: /existing\(\)/,
  },
]

export const right: Right[] = [
  {
    name: 'loops, appended pids, text for numbers, no zero and no undefined',
    change: [
      [
        "import { mkdirSync, rmdirSync, writeFileSync } from '#given/fs.ts'",
        "import { appendFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'",
      ],
    ],
    instead: {
      create: `
export function create(id: string): void {
  groups(id).forEach(({ path }) => {
    mkdirSync(path, { recursive: true, mode: 0o755 })
  })
}`,
      attach: `
export function attach(id: string, pid: number): void {
  for (const group of existing(id)) appendFileSync(group.path + '/cgroup.procs', pid + '\\n')
}`,
      remove: `
export function remove(id: string): void {
  killAll(existing(id))
  for (const group of existing(id)) if (existsSync(group.path)) rmdirSync(group.path)
}`,
      amounts: `
export function amounts(limits: Limits, version: Version): Settings {
  const files: Settings = {}
  if (limits.memory !== undefined) files[version === 2 ? 'memory.max' : 'memory.limit_in_bytes'] = String(limits.memory)
  if (limits.pids !== undefined) files['pids.max'] = String(limits.pids)
  return files
}`,
      cpuTime: `
export function cpuTime({ cpuShares, cpus }: Limits, version: Version): Settings {
  const files: Settings = {}
  if (cpuShares !== undefined) {
    if (version === 1) files['cpu.shares'] = String(cpuShares)
    else files['cpu.weight'] = String(weightOf(cpuShares))
  }
  if (cpus !== undefined) {
    const quota = (cpus * PERIOD).toFixed(0)
    if (version === 1) files['cpu.cfs_quota_us'] = quota
    else files['cpu.max'] = quota + ' ' + PERIOD
  }
  return files
}`,
    },
  },
  {
    name: 'each version in a branch of its own',
    instead: {
      amounts: `
export function amounts(limits: Limits, version: Version): Settings {
  if (version === 1) return { 'pids.max': limits.pids, 'memory.limit_in_bytes': limits.memory }
  return { 'pids.max': limits.pids, 'memory.max': limits.memory }
}`,
      cpuTime: `
export function cpuTime(limits: Limits, version: Version): Settings {
  const quota = limits.cpus === undefined ? undefined : Math.floor(limits.cpus * PERIOD + 0.5)
  if (version === 1) return { 'cpu.cfs_quota_us': quota, 'cpu.shares': limits.cpuShares }
  return {
    'cpu.max': quota === undefined ? undefined : [quota, PERIOD].join(' '),
    'cpu.weight': limits.cpuShares === undefined ? undefined : weightOf(limits.cpuShares),
  }
}`,
      usage: `
export function usage(id: string): Usage {
  const v2 = groupOf(id, 'memory').version === 2
  const own = { memory: v2 ? 'memory.current' : 'memory.usage_in_bytes' }
  const cpu = groupOf(id, 'cpuacct')
  const spent = cpu.version === 2 ? field(cpu, 'cpu.stat', 'usage_usec') : Math.round(number(cpu, 'cpuacct.usage') / 1e3)
  return { pids: number(groupOf(id, 'pids'), 'pids.current'), cpu: spent, memory: number(groupOf(id, 'memory'), own.memory) }
}`,
    },
  },
]
