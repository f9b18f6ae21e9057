import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type Box, type BoxOptions, type Lab, openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import { together } from '#given/together.ts'
import { lesson } from './lesson.ts'

const MB = 1024 * 1024

let host: Lab
/** Where the trees are: one on v2, one for each controller on v1. */
let trees: string[]
let version: 1 | 2
beforeAll(async () => {
  host = await openLab({ lesson, cgroups: true })
  trees = (await sh('findmnt -nro TARGET -t cgroup,cgroup2')).trim().split('\n')
  version = trees.includes('/sys/fs/cgroup') ? 2 : 1
  if (!trees[0]) throw new Error('this machine has no cgroup tree that a lab may write to: npm run doctor')
})
afterAll(() => host?.close())

// Side by side: each container has groups of its own. Not those of 08.5 and 08.6, whose loops want all the CPU time there
// is. Each has an `expect` of its own, which knows whose failure it is.
test.concurrent('08.1 the container has a group in each tree', async ({ expect }) => {
  await using box = await start('made', 'sleep 60', { task: '08.1' })

  const made = await groupsOf('made')
  const expected = trees.map((tree) => `${tree}/workshop-made`)
  expect(made.trim().split('\n').sort(), 'a folder in each tree, where groups(id) says').toEqual(expected.sort())
  expect(
    await sh('cat /sys/fs/cgroup/pids/workshop-made/pids.current /sys/fs/cgroup/workshop-made/pids.current 2>&-; true'),
  ).toMatch(/^\d+\n$/) // nobody has written this file: with the folder comes what is in it
  await box.stop()
})

test.concurrent('08.2 its processes are in the group, and those that they start too', async ({ expect }) => {
  await using box = await start('full', 'sleep 60 & echo started; exec sleep 60', { task: '08.2' })
  await box.program.until(() => box.program.stdout !== '', 'it had started another process')

  for (const tree of trees) {
    const inside = (await sh(`cat ${tree}/workshop-full/cgroup.procs`)).trim().split('\n')
    const why = `cgroup.procs of ${tree}/workshop-full lists who is in it. Write the pid of the container to each of them`
    expect(inside, why).toContain(String(box.pid))
    expect(inside, 'the process that it started is born into the same group').toHaveLength(2)
  }
})

test.concurrent('08.2 a limit holds only for who is in the group', async ({ expect }) => {
  const box = await run('attached', forks(8), { limits: { pids: 4 }, task: '08.2' })
  const why = 'it has pids.max=4 and started 8 processes: a limit without attach does nothing'
  expect(box.stdout, why).not.toContain('8 forks')
  await expect(box, 'fork(2): EAGAIN').toComplain(/[Cc]annot fork/)
})

test.concurrent('08.3 when the container has ended, so have its groups', async ({ expect }) => {
  await expect(run('ended', 'true', { task: '08.3' })).not.toComplain()
  expect(await groupsOf('ended'), 'rmdir(2) on each of its groups').toBe('')
})

test.concurrent('08.3 a process that was left behind goes with them', async ({ expect }) => {
  const box = await run('left', 'sleep 1000 >&- 2>&- & exit 7', { only: ['cgroups'], task: '08.3' })
  const busy = 'a group with a process in it cannot be removed: rmdir(2) EBUSY. killAll() first'
  await expect(box, busy).not.toComplain()
  await expect(box).toEndWith(7)
  expect(await groupsOf('left'), 'rmdir(2) on each of its groups').toBe('')
  expect(await sh('pgrep -f "[s]leep 1000" || true'), 'it still runs').toBe('')
})

// Alone: whoever starts a container cleans up what a killed engine left, and would take these groups from under remove().
test('08.3 another process may remove them when the engine was killed, of a frozen container too, and twice', async () => {
  const box = await start('frozen', 'exec sleep 60 >&- 2>&-', { task: '08.3' }) // who holds its output is waited for
  await host.call('freeze', ['frozen', true], '08.3')
  await box.stop() // now nobody is left to clean up. On v1 the container does not even die with its engine

  const remove = () => host.call('remove', ['frozen'], '08.3').catch((error) => error.message)
  const first = await remove()
  if (await groupsOf('frozen')) await host.call('freeze', ['frozen', false], '08.3') // or it stays for ever
  expect(first ?? 'removed', 'killAll() thaws, kills and waits: give it all groups at once').toBe('removed')
  expect(await groupsOf('frozen'), 'killAll() thaws, kills and waits; rmdir(2) removes').toBe('')
  expect((await remove()) ?? 'nothing', 'a second time there is nothing to do: existing() is empty').toBe('nothing')
})

test.concurrent('08.4 who takes more memory than it may is killed, and the kernel counts it', async ({ expect }) => {
  const script = 'dd if=/dev/zero bs=100000000 count=1 2>&- | wc -c; exec sleep 60' // dd reads a block before it writes
  await using box = await start('eater', script, { limits: { memory: 40 * MB }, task: '08.4' })
  await box.program.until(() => box.program.stdout !== '', 'its end', 20)

  const why = 'it has 40 MB and took 100: memory.limit_in_bytes on v1, memory.max on v2, in bytes'
  expect(box.program.stdout.trim(), why).toBe('0')
  const counted = await file('memory', 'eater', version === 1 ? 'memory.oom_control' : 'memory.events')
  expect(counted, 'the kernel counts whom it killed').toMatch(/^oom_kill [1-9]/m)
})

test.concurrent('08.4 who starts more processes than it may is refused, and the kernel counts it', async ({
  expect,
}) => {
  await using box = await start('forker', `(${forks(8)}); exec sleep 60`, { limits: { pids: 4 }, task: '08.4' })
  await box.program.until(() => /fork/.test(box.program.stderr + box.program.stdout), 'its forks')

  const why = 'it may have 4 processes and started 8: pids.max, in both versions'
  expect(box.program.stdout, why).toBe('')
  await expect(box).toComplain(/[Cc]annot fork/)
  expect(await file('pids', 'forker', 'pids.events'), 'the kernel counts what it refused').toMatch(/^max [1-9]/m)
})

test.concurrent('08.4 both versions are there, and what is not asked for is not limited', async ({ expect }) => {
  const [both, none] = await tables('amounts', [{ memory: 64 * MB, pids: 10 }, {}], '08.4')
  expect(both).toEqual([
    { 'memory.limit_in_bytes': '67108864', 'pids.max': '10' },
    { 'memory.max': '67108864', 'pids.max': '10' },
  ])
  expect(none, 'no limit asked for: leave it undefined, not 0').toEqual([{}, {}])
})

test.concurrent('08.5 a container that has used up its quota waits, and the kernel counts it', async ({ expect }) => {
  await using box = await start('slow', 'while :; do :; done', { limits: { cpus: 0.1 }, task: '08.5' })
  const stat = () => file('cpu', 'slow', 'cpu.stat')
  const why = 'it may run for 10 ms of every 100: cpu.cfs_quota_us on v1, cpu.max on v2, in microseconds'
  // Five times: while Node boots in the container, two processors could use up even a whole one's quota once or twice.
  await expect.poll(stat, { message: why, timeout: seconds(10) }).toMatch(/^nr_throttled ([5-9]|\d\d)/m)
  await box.stop()
})

test('08.5 on one CPU, a quarter of the weight is a quarter of the time', async () => {
  const on = (shares: number): BoxOptions => ({ limits: { cpuShares: shares, cpusetCpus: '0' }, task: '08.5' })
  const loop = 'while :; do :; done'
  await using _ = await together(start('heavy', loop, on(1024)), start('light', loop, on(256)))
  const before = await cpuTimes('heavy', 'light')
  const used = async () => (await cpuTimes('heavy', 'light')).map((time, i) => time - (before[i] ?? 0))
  let [heavy = 0, light = 0] = [0, 0]
  const fits = () => heavy / light > 4 * 0.8 && heavy / light < 4 / 0.8
  const [enough, plenty] = [300_000, 1_500_000] // microseconds of both; some hundred turns of the scheduler
  await until(async () => {
    ;[heavy = 0, light = 0] = await used()
    return (heavy + light > enough && fits()) || heavy + light > plenty
  }, 'they run')

  const why = '1024 against 256: cpu.shares on v1; on v2 cpu.weight, by weightOf(). In the CPU time of the groups'
  expect(heavy / light, why).toBeGreaterThan(4 * 0.8)
  expect(heavy / light, why).toBeLessThan(4 / 0.8)
})

test.concurrent('08.5 both versions are there, and what is not asked for is not limited', async ({ expect }) => {
  const [both, none] = await tables('cpuTime', [{ cpuShares: 512, cpus: 0.29 }, {}], '08.5')
  const why = 'half the normal weight, and 29 ms of every 100: whole microseconds, and 0.29 * 100000 is not whole'
  expect(both, why).toEqual([
    { 'cpu.shares': '512', 'cpu.cfs_quota_us': '29000' },
    { 'cpu.weight': '50', 'cpu.max': '29000 100000' },
  ])
  expect(none, 'no limit asked for: leave it undefined').toEqual([{}, {}])
})

test.concurrent('08.6 one write stops every process, and another lets them go on', async ({ expect }) => {
  const loop = 'while :; do :; done'
  const limits = { cpusetCpus: '0' } // the other CPUs are for who is to freeze it
  await using _box = await start('loops', `${loop} & ${loop} & ${loop}`, { limits, task: '08.6' })
  await host.call('freeze', ['loops', true], '08.6')
  const state = () => file('freezer', 'loops', version === 1 ? 'freezer.state' : 'cgroup.events')
  const why = 'FROZEN in freezer.state on v1, 1 in cgroup.freeze on v2'
  await expect.poll(state, { message: why, timeout: seconds(10) }).toMatch(/^(FROZEN|frozen 1)$/m)

  const before = await cpuTime('loops')
  await sleep(200)
  expect(await cpuTime('loops'), 'frozen, and still it runs').toBe(before)
  await host.call('freeze', ['loops', false], '08.6')
  await until(async () => (await cpuTime('loops')) > before, 'it goes on after freeze(id, false)')
})

test.concurrent('08.7 the accounts: memory in bytes, CPU time in microseconds, processes', async ({ expect }) => {
  // dd has a block in memory until somebody takes all of it.
  const script = 'dd if=/dev/zero bs=20000000 count=1 | { head -c 1 > /dev/null; echo ready; exec sleep 60; }'
  await using box = await start('spender', script, { task: '08.7' })
  await box.program.until(() => box.program.stdout !== '', 'it had taken some memory', 20)

  const before = await cpuTime('spender')
  const used = await host.call<{ memory: number; cpu: number; pids: number }>('usage', ['spender'], '08.7')
  const after = await cpuTime('spender')
  expect(used.pids, 'a shell, dd and sleep: pids.current').toBe(3)
  expect(used.memory, 'it holds 20 MB: memory.usage_in_bytes on v1, memory.current on v2').toBeGreaterThan(20_000_000)
  expect(used.memory, 'in bytes').toBeLessThan(400_000_000)
  const why =
    'the CPU time in microseconds: cpuacct.usage on v1 counts nanoseconds, usage_usec in cpu.stat of v2 does not'
  expect(used.cpu, why).toBeGreaterThanOrEqual(Math.floor(before))
  expect(used.cpu, why).toBeLessThanOrEqual(Math.ceil(after))
})

test.concurrent('08.8 the container sees its own group as the root of each tree', async ({ expect }) => {
  await using box = await start('hidden', 'cat /proc/self/cgroup; echo end; exec sleep 60', { task: '08.8' })
  await box.program.until(() => box.program.stdout.includes('end'), 'it had read /proc/self/cgroup')

  const why = 'it can read where on the host it is. unshare(2) with CLONE_NEWCGROUP: cgroup_namespaces(7)'
  expect(box.program.stdout, why).not.toContain('workshop-hidden')
  expect(await host.read(`/proc/${box.pid}/cgroup`), 'the host sees it').toContain('/workshop-hidden')
  await expect(box, "its cgroup namespace is the host's").toBeInOwnNamespace('cgroup')
})

function start(id: string, script: string, options: BoxOptions): Promise<Box> {
  return host.start(['sh', '-c', script], { id, ...options })
}

function run(id: string, script: string, options: BoxOptions) {
  return host.run(['sh', '-c', script], { id, ...options })
}

/** A script that starts so many processes, and says so if it could. */
const forks = (n: number) => `for i in $(seq ${n}); do sleep 60 >&- 2>&- & done; echo ${n} forks`

/** Runs a line of shell on the host. */
async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script])
  expect(code, stderr).toBe(0)
  return stdout
}

/** Which groups of a container there are. */
const groupsOf = (id: string) =>
  sh(`find /sys/fs/cgroup -ignore_readdir_race -name 'workshop-*' -prune -name workshop-${id}`) // others come and go

/** A file of a container's group, as the host reads it. */
const file = (controller: string, id: string, name: string) => host.read(pathOf(controller, id, name))

function pathOf(controller: string, id: string, name: string): string {
  const tree = trees.find((path) => path.split('/').at(-1)?.split(',').includes(controller)) ?? '/sys/fs/cgroup'
  return `${tree}/workshop-${id}/${name}`
}

/** In microseconds. */
async function cpuTime(id: string): Promise<number> {
  const [time = Number.NaN] = await cpuTimes(id)
  return time
}

/** Of several containers at one moment: while one asks for the second, the first would go on. */
async function cpuTimes(...ids: string[]): Promise<number[]> {
  const [controller, name] = version === 1 ? ['cpuacct', 'cpuacct.usage'] : ['cpu', 'cpu.stat']
  const [line, unit] = version === 1 ? [/^(\d+)$/gm, 1000] : [/^usage_usec (\d+)$/gm, 1]
  const text = await sh(`cat ${ids.map((id) => pathOf(controller, id, name)).join(' ')}`)
  return Array.from(text.matchAll(line), ([, count]) => Number(count) / unit)
}

/** What a function of yours writes for each version, as text: `1` and `'1'` are the same to the kernel. */
async function tables(name: string, wishes: object[], task: string): Promise<Record<string, string>[][]> {
  const lists = wishes.flatMap((limits) => [1, 2].map((one) => [limits, one]))
  const answers = await host.callEach<Record<string, unknown>>(name, lists, task)
  const texts = answers.map((table) =>
    Object.fromEntries(Object.entries(table).map(([key, value]) => [key, String(value)])),
  )
  return wishes.map((_, i) => texts.slice(2 * i, 2 * i + 2))
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + seconds(10); !(await condition()); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for this: ${what}`)
  }
}
