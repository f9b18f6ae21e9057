import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'cgroups',
  title: 'How much it gets',
  minutes: [25, 25, 25],
  needs: ['pid'], // so that all of a container ends with its first process
  tasks: [
    {
      id: '08.1',
      title: 'make a group in each tree',
      hints: [
        'A cgroup is a folder. What makes a folder?',
        'groups(id) says where they are to be: one path on v2, on v1 one for each tree. mkdir(2) makes one at a time.',
        'for (const { path } of groups(id)) mkdirSync(path)',
      ],
    },
    {
      id: '08.2',
      title: 'put a process into it',
      hints: [
        'Look into a new group: ls. Which of the files lists its processes?',
        'Write the number of the process to cgroup.procs of each group. Of the container, not of yourself.',
        `for (const { path } of groups(id)) writeFileSync(\`\${path}/cgroup.procs\`, String(pid))`,
      ],
    },
    {
      id: '08.3',
      title: 'remove it, with whatever still runs in it',
      hints: [
        'rmdir(2) says EBUSY as long as somebody is in there. rm -r says EPERM: the files are the kernel’s.',
        'existing(id) lists those groups that are still there. killAll() empties them, rmdir(2) takes each.',
        'const all = existing(id)\nkillAll(all)\nfor (const { path } of all) rmdirSync(path)',
      ],
    },
    {
      id: '08.4',
      title: 'limits for memory and processes',
      hints: [
        'The name of a file begins with its controller. List the files of a group: which two hold a maximum?',
        'v1: memory.limit_in_bytes and pids.max. v2: memory.max and pids.max. A limit that is undefined is not written.',
        "return version === 1\n  ? { 'memory.limit_in_bytes': memory, 'pids.max': pids }\n  : { 'memory.max': memory, 'pids.max': pids }",
      ],
    },
    {
      id: '08.5',
      title: 'CPU time: a weight and a quota',
      hints: [
        'Two questions: who gets how much when all want some, and what nobody gets more of even when nobody else wants it.',
        'The weight: cpu.shares on v1, cpu.weight on v2, where weightOf() converts. The quota is microseconds in each PERIOD: cpu.cfs_quota_us on v1, and on v2 both numbers in cpu.max.',
        `const quota = cpus && Math.round(cpus * PERIOD)\nreturn version === 1\n  ? { 'cpu.shares': cpuShares, 'cpu.cfs_quota_us': quota }\n  : { 'cpu.weight': cpuShares && weightOf(cpuShares), 'cpu.max': quota && \`\${quota} \${PERIOD}\` }`,
      ],
    },
    {
      id: '08.6',
      title: 'freeze all with one write',
      hints: [
        'Sending SIGSTOP to each would be a race: who is born meanwhile? And the parent would notice.',
        'v1 takes a word, FROZEN or THAWED, in freezer.state; v2 a 1 or a 0 in cgroup.freeze.',
        `const { version, path } = groupOf(id, 'freezer')\nif (version === 1) writeFileSync(\`\${path}/freezer.state\`, frozen ? 'FROZEN' : 'THAWED')\nelse writeFileSync(\`\${path}/cgroup.freeze\`, frozen ? '1' : '0')`,
      ],
    },
    {
      id: '08.7',
      title: 'read the accounts',
      hints: [
        'Three numbers in three files, and on v1 in three trees: groupOf(id, controller).',
        'v1: memory.usage_in_bytes, cpuacct.usage (nanoseconds!), pids.current. v2: memory.current, usage_usec in cpu.stat, pids.current.',
        "const [memory, cpu, pids] = [groupOf(id, 'memory'), groupOf(id, 'cpuacct'), groupOf(id, 'pids')]\nreturn {\n  memory: number(memory, memory.version === 1 ? 'memory.usage_in_bytes' : 'memory.current'),\n  cpu: cpu.version === 1 ? number(cpu, 'cpuacct.usage') / 1000 : field(cpu, 'cpu.stat', 'usage_usec'),\n  pids: number(pids, 'pids.current'),\n}",
      ],
    },
    {
      id: '08.8',
      title: 'hide the tree',
      hints: [
        'Everybody can read /proc/self/cgroup, and it tells where on the host one is.',
        'unshare(2) with CLONE_NEWCGROUP: the group in which the caller is then becomes the root that he sees.',
        'unshare(CLONE_NEWCGROUP)',
      ],
    },
  ],
  tour: {
    says: 'Namespaces decide what a process sees, a cgroup how much it gets: memory, CPU,\nprocesses. The kernel counts for the whole group.',
    limits: { cpusetCpus: '0', pids: 8 },
    looks: [
      { label: 'CPUs', command: 'nproc' },
      { label: '20 processes', command: '(for i in $(seq 20); do sleep 0 & done; wait; echo they run) 2>&1' },
    ],
    but: 'But its root still has all the powers that root can have.',
  },
}
