import type { Wrong } from './wrong.ts'

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
]
