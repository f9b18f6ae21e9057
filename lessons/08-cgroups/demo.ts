import { setTimeout as sleep } from 'node:timers/promises'
import { $ } from 'zx'
import { events } from '#given/cgroups/counters.ts'
import type { Limits } from '#given/cgroups/limits.ts'
import { type BoxOptions, here } from '#given/labs.ts'
import { patience } from '#given/patience.ts'
import { compare, heading, say, table, transcript } from '#given/show.ts'
import { freeze, settings, usage } from '#lesson/08-cgroups/cgroups.ts'
import { lesson } from './lesson.ts'
import { plot } from './plot.ts'

// Runs in a lab, which has a part of the trees of its own.
await using host = await here(lesson)
const MB = 1024 ** 2
const slowness = Math.sqrt(patience())
const start = (id: string, script: string, limits: Limits) => host.start(['sh', '-c', script], { id, limits })
const find = async (file: string) => (await $`find /sys/fs/cgroup -path ${`*/workshop-${file}`}`.text()).trim()

heading("A group for a container: docker's --cpu-shares=512 --memory=512m")
const docker: Limits = { cpuShares: 512, memory: 512 * MB }
await using web = await start('web', 'cat /proc/self/cgroup; exec sleep 600', docker)
await web.program.until(() => web.program.stdout.includes('0::'), 'it had read /proc/self/cgroup')
const line = (text: string) => text.split('\n').find((one) => /:memory:|^0::/.test(one)) ?? ''
const before = line(await $`cat /proc/self/cgroup`.text())
const namespaces = await Promise.all(['self' as const, web.pid].map((pid) => host.namespace(pid, 'cgroup')))
compare([
  ['its processes', before, line(await host.read(`/proc/${web.pid}/cgroup`)), 'from the host'],
  ['', before, line(web.program.stdout), 'from inside'],
  ['ns/cgroup', namespaces[0] ?? '', namespaces[1] ?? '', 'its own'],
])
const version = (await find('web/cpu.shares')) ? 1 : 2
for (const name of Object.keys(settings(docker, version))) {
  const file = await find(`web/${name}`)
  if (file && settings(docker, version)[name] !== undefined) transcript(`cat ${file}`, await $`cat ${file}`.text())
}
const both = [settings(docker, 1), settings(docker, 2)].map((all) => Object.entries(all).filter(([, value]) => value))
say('')
table(
  ['cgroup v1', '', 'cgroup v2', ''],
  (both[0] ?? []).map((row, i) => [...row, ...(both[1]?.[i] ?? [])].map(String)),
)

heading('A limit without attach does nothing: 4 processes allowed, 8 started')
const forks = 'for i in $(seq 8); do sleep 9 >&- 2>&- & done; echo all 8 run'
const tried = async (options: BoxOptions) => {
  const { stdout, stderr } = await host.run(['sh', '-c', forks], { limits: { pids: 4 }, ...options })
  return (stdout || stderr).trim()
}
const unattached = { name: 'unattached', file: new URL('unattached.ts', import.meta.url).pathname }
table(
  ['pids.max = 4', ''],
  [
    ['a group, nobody in it', await tried({ only: [], extra: [unattached] })],
    ['the process attached', await tried({})],
  ],
)

heading('Memory: 24 MB allowed, and a pipe into a program that keeps it all')
const greedy = '(while head -c 2000000 /dev/zero; do sleep 0.1; done) | tail -n 1; exec sleep 600'
await using eater = await start('eater', greedy, { memory: 24 * MB })
const memory = await sample(40, () => usage('eater').memory)
for (const row of plot(memory, 24 * MB, '24 MB', 5)) say(row)
say(`The kernel killed ${events('eater').oomKills}, and counted it: memory.oom_control, on v2 memory.events.`)
await eater.stop()

heading('CPU: two loops, one CPU, weights 1024 and 256. Then the first is frozen')
const loop = 'while :; do :; done'
await using heavy = await start('heavy', loop, { cpuShares: 1024, cpusetCpus: '0' })
await using light = await start('light', loop, { cpuShares: 256, cpusetCpus: '0' })
const shares: [number, number][] = []
let last = [usage('heavy').cpu, usage('light').cpu]
await sample(
  54,
  (i) => {
    if (i === 18 || i === 36) freeze('heavy', i === 18)
    const now = [usage('heavy').cpu, usage('light').cpu]
    const [a = 0, b = 0] = now.map((cpu, k) => cpu - (last[k] ?? 0))
    shares.push(a + b > 0 ? [a / (a + b), b / (a + b)] : (shares.at(-1) ?? [0, 0])) // a busy machine may run neither
    last = now
    return 0
  },
  100,
)
const [upper, lower] = [shares.map(([a]) => a), shares.map(([, b]) => b)]
for (const row of [...plot(upper, 1, '1024'), ...plot(lower, 1, '256')]) say(row)
say(`${' '.repeat(11)}both run${' '.repeat(10)}1024 frozen${' '.repeat(7)}both run`)
await Promise.all([heavy.stop(), light.stop()])

heading('A quota holds even on an idle machine: 0.2 CPUs')
await using slow = await start('slow', loop, { cpus: 0.2 })
const from = { at: performance.now(), cpu: usage('slow').cpu }
await sleep(1000 * slowness)
const percent = (usage('slow').cpu - from.cpu) / (performance.now() - from.at) / 10
say(`It got ${percent.toFixed(0)} % of a CPU, and had to wait in ${events('slow').throttled} periods of 100 ms.`)

/** Looks again and again, so many milliseconds apart. */
async function sample(count: number, look: (i: number) => number, interval = 50): Promise<number[]> {
  const values: number[] = []
  for (let i = 0; i < count; i++) {
    values.push(look(i))
    await sleep(interval * slowness)
  }
  return values
}
