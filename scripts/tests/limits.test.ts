import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { restrictDevices } from '#given/cgroups/devices-bpf.ts'
import { openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import { mounts, status } from '#given/proc.ts'
import { ensureRootfs, ROOTFS } from '#given/rootfs.ts'
import { running } from '#given/running.ts'
import { project } from '#given/spec.ts'
import { cgroupOf } from '../lib/containers.ts'
import { freezeOne } from '../lib/pause.ts'
import { box, result, said, start, until } from './boxes.ts'
import { refusals } from './refusals.ts'

let folder: string
beforeAll(() => {
  ensureRootfs()
  folder = mkdtempSync(join(tmpdir(), 'workshop-limits-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const v2 = mounts().some(({ type, target }) => type === 'cgroup2' && target === '/sys/fs/cgroup')
const LOOP = 'echo ready; while :; do :; done'

const limited = (limits: string[], ...script: string[]) => ['--reference', '--net', 'none', ...limits, '--', ...script]

/** Another verb of box. */
function verb(...words: string[]) {
  return result(spawn(process.execPath, [join(project, 'scripts/box.ts'), ...words]))
}

function groupsOf(id: string): string[] {
  return execFileSync('find', ['/sys/fs/cgroup', '-name', `workshop-${id}`], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
}

const entry = (name: string) => running().find(({ container }) => container.spec.name === name)

/** `box pause`, in this process. */
async function pause(name: string): Promise<void> {
  const one = entry(name)
  if (!one) throw new Error(`${name} does not run`)
  await freezeOne(one, true)
}

/** The CPU time that it has taken, in microseconds. */
async function cpu(name: string): Promise<number | undefined> {
  const one = entry(name)
  return one && (await cgroupOf(one)).usage(one.container.id).cpu
}

/** Ctrl-C until it has ended; the second one is a SIGKILL. Returns its exit code. */
async function interrupt(child: ChildProcess): Promise<number> {
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  const again = setInterval(() => child.kill('SIGINT'), seconds(0.2)) // sooner, the two might become one
  const [code] = await ended
  clearInterval(again)
  return code
}

/** A container that loops, until the end of its test. It may do something before. */
async function looping({ name, first = 'true', limits = [] }: { name: string; first?: string; limits?: string[] }) {
  const child = start(limited(['--name', name, ...limits], 'sh', '-c', `${first}; ${LOOP}`))
  const output = await said(child, 'ready')
  const { id, pid } = entry(name)?.container ?? { id: '', pid: 0 }
  return {
    child,
    output,
    id,
    pid,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      process.kill(pid, 'SIGKILL') // its first process: the engine cleans up
      await ended
    },
  }
}

describe('bad input: what, why, what to do', () => {
  const table: [args: string, message: RegExp][] = [
    ['--memory 512', /--memory 512: that is 512 bytes\. Did you mean 512m\?/],
    ['--memory 1m', /No container starts with less than 6m/],
    ['--memory=-5', /--memory -5: it wants a size, such as 512m/],
    ['--memory 512x', /it wants a size/],
    ['--memory 0', /it wants a size/],
    ['--memory 99999g', /this machine has \d+m/],
    ['--memory 999999999999t', /more than there is in the world/],
    ['--memory-swap 1g', /it takes --memory too/],
    ['--memory 1g --memory-swap 512m', /cannot be less than --memory 1g/],
    ['--cpus 0', /from 0\.01 up/],
    ['--cpus=-1', /from 0\.01 up/],
    ['--cpus 1e3', /from 0\.01 up/],
    ['--cpus 9999', /this machine has \d+/],
    ['--cpu-shares 1', /a whole number from 2 to 262144/],
    ['--cpu-shares 512m', /a whole number from 2 to 262144/],
    ['--pids-limit 0', /a whole number from 1 to/],
    ['--pids-limit 999999999999999999999', /a whole number from 1 to/],
    ['--pids-limit 4 --init', /from 12 .*--init has 7 threads/],
    ['--cpuset-cpus 0-4095', /there is no \d+; this machine has the CPUs 0/],
    ['--cpuset-cpus 1-0', /it wants CPUs by number/],
    ['--cpuset-cpus 0,', /it wants CPUs by number/],
    ['--cpuset-mems 4095', /there is no 4095; this machine has the memory nodes/],
    ['--device-read-bps /dev/null:1m', /\/dev\/null is no disk/],
    ['--device-read-bps /dev/nope:1m', /\/dev\/nope is not there/],
    ['--device-read-bps vda:1m', /it wants a disk and a rate, such as \/dev\/vda:1m/],
    ['--memory 64m --without cgroups', /--memory is for the mechanism 'cgroups'/],
    [`--memory ${'9'.repeat(4096)}`, /it wants a size/],
  ]
  const refused = refusals(table.map(([args]) => ({ args: limited(args.split(' '), 'true') })))
  test.each(table.map((row, i) => [...row, i] as const))('%.60s', async (_, message, i) => {
    const { code, stderr } = await refused(i)
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(stderr.length).toBeLessThan(300)
    expect(code).toBe(2)
  })

  test.runIf(!v2)('what v1 lacks is said', async () => {
    const { code, stderr } = await box(limited(['--memory-high', '100m'], 'true'))
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr: expect.stringContaining('cgroup v1, which this machine has'),
    })
  })
})

describe('a container that loops', () => {
  let loop: Awaited<ReturnType<typeof looping>>
  beforeAll(async () => {
    const first = `exec 2>&1; nproc
      mknod /tmp/disk b 1 0; head -c 1 /tmp/disk; rm /tmp/disk; head -c 3 /dev/zero | wc -c; : < /dev/ptmx && echo ptmx`
    const limits = ['--cpu-shares=512', '--memory=512m', '--cpuset-cpus', '0', '--cpus', '0.5'] // half, for other tests
    loop = await looping({ name: 'loop', first, limits })
  })
  afterAll(() => loop[Symbol.asyncDispose]())

  test("docker's --cpu-shares=512 --memory=512m, in the files of this machine's version; no swap beside", () => {
    const read = (file: string) => {
      const group = groupsOf(loop.id).find((path) => existsSync(join(path, file))) ?? ''
      return readFileSync(join(group, file), 'utf8').trim()
    }
    if (v2) expect([read('cpu.weight'), read('memory.max')]).toEqual(['50', '536870912'])
    else expect([read('cpu.shares'), read('memory.limit_in_bytes')]).toEqual(['512', '536870912'])
  })

  test('it may run on the CPUs that it was given', () => {
    expect(loop.output).toMatch(/^1\n/)
  })

  test('it cannot open a disk, whoever made the node; and the devices that it gets work', () => {
    expect(loop.output).toMatch(/\n.*disk.*Operation not permitted\n3\nptmx\nready\n$/)
  })

  test('box stats: what runs, as a table and as JSON; box pause stops it, box unpause lets it go on', async () => {
    const table = (await verb('stats', '--no-stream')).stdout
    expect(table).toMatch(/^NAME .*\n(.*\n)*loop +\d+\.\d % +.* \/ 512\.0m +1 +0 +0 +\d+ *\n/)
    expect(table, 'it takes some').not.toMatch(/^loop +0\.0 %/m)

    expect(await verb('pause', 'loop')).toEqual({ code: 0, stdout: 'loop\n', stderr: '' })
    const { stdout, stderr } = await verb('stats', '--no-stream', '--json', 'loop')
    expect(stderr).toBe('')
    const [paused] = JSON.parse(stdout)
    expect(paused).toMatchObject({ name: 'loop', id: loop.id, memoryLimit: 512 * 1024 ** 2, pids: 1 })
    expect(paused).toMatchObject({ paused: true, cpuPercent: 0 })
    expect(await cpu('loop'), 'not a microsecond').toBe(paused.cpu)
    expect((await verb('unpause', loop.id)).code, 'by its id, too').toBe(0)
    await until(() => readFileSync(`/proc/${loop.pid}/stat`, 'utf8').includes(') R '), 'it runs')
  })
})

const unified = mounts().find(({ type }) => type === 'cgroup2')?.target

test.runIf(unified && !v2)('the same on v2, by a program for the kernel: here on the v2 tree beside v1', () => {
  const group = `${unified}/workshop-test-devices`
  mkdirSync(group)
  try {
    restrictDevices(group)
    const open = (node: string) => `mknod ${folder}/x ${node}; head -c 1 ${folder}/x | wc -c; rm ${folder}/x`
    const nodes = ['b 1 0', 'c 1 1', 'c 1 5', 'c 1 9'] // a disk, memory, zero, urandom
    const script = `echo $$ > ${group}/cgroup.procs; ${nodes.map(open).join('; ')}; echo x > /dev/null && echo null`
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(stdout).toBe('0\n0\n1\n1\nnull\n')
    expect(stderr.match(/Operation not permitted/g)).toHaveLength(2)
  } finally {
    rmdirSync(group)
  }
})

test('signals that arrive all the time keep neither the verifier of such programs nor nftables from their work', () => {
  const group = unified && join(unified, `workshop-rain-${process.pid}`)
  if (group) mkdirSync(group)
  try {
    const rain = join(project, 'scripts/tests/fixtures/rain.ts')
    const words = ['--net', process.execPath, '--no-warnings', rain, ...(group ? [group] : [])]
    const { stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(stdout).toBe('dry after rain\n')
  } finally {
    if (group) rmdirSync(group)
  }
})

test.runIf(existsSync('/run/systemd/system'))(
  'under systemd it is in a scope that was delegated, and goes with it',
  async () => {
    const { id, pid, child } = await looping({ name: 'scope-1', limits: ['--memory', '64m'] })
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(`/system.slice/workshop-${id}.scope/workshop-${id}`)
    const show = () =>
      execFileSync('systemctl', ['show', '--property=Delegate,ActiveState', `workshop-${id}.scope`], {
        encoding: 'utf8',
      })
    expect(show()).toMatch(/Delegate=yes/)
    child.kill('SIGKILL')
    await until(() => show().includes('ActiveState=inactive'), 'systemd has removed the scope')
    expect(groupsOf(id).filter((path) => path.includes('.scope'))).toEqual([])
  },
)

/** The disk under a root file system, where it is one. */
function diskUnder(path: string): string | undefined {
  const { dev } = statSync(path)
  const link = `/sys/dev/block/${(dev >> 8) & 0xfff}:${dev & 0xff}`
  if (!existsSync(link)) return undefined
  const folder = existsSync(`${link}/partition`) ? `${link}/..` : link
  return `/dev/${readFileSync(`${folder}/uevent`, 'utf8').match(/^DEVNAME=(.*)$/m)?.[1]}`
}

const disk = diskUnder(ensureRootfs())
if (!disk) console.warn(`SKIP a slow disk: ${ROOTFS} lies on none that could be slowed`)

test.skipIf(!disk)('a disk is as slow as it was told to be', async () => {
  const script =
    'f=$(readlink -f $(ls /lib/*/libc.so.6 /lib64/libc.so.6 2>&- | head -n 1)); ' +
    'dd if=$f iflag=direct of=/dev/null bs=64k count=16 2>&1'
  const started = performance.now()
  const { stdout } = await box(limited(['--device-read-bps', `${disk}:1m`], 'sh', '-c', script))
  expect(stdout, '16 times 64 kB').toMatch(/16\+0 records in/)
  expect(performance.now() - started, 'a megabyte at a megabyte a second').toBeGreaterThan(800)
})

const mistakes: [words: string[], code: number, message: RegExp][] = [
  [['pause'], 2, /which one\?/],
  [['pause', '../x'], 125, /no container '\.\.\/x'/],
  [['unpause', 'x'.repeat(4096)], 125, /no container 'x{64}'/],
  [['stats', 'nobody'], 125, /no container 'nobody'/],
  [['stats', '--jsn'], 2, /'--jsn'. Did you mean --json\?/],
]
const refused = refusals(mistakes.map(([[verb = '', ...args]]) => ({ verb, args })))
test.each(mistakes.map((row, i) => [...row, i] as const))('%j', async (_, code, message, i) => {
  const ended = await refused(i)
  expect(ended).toMatchObject({ code, stderr: expect.stringMatching(message) })
  expect(ended.stderr.length).toBeLessThan(400)
})

test('Ctrl-C twice ends a paused container, though it is frozen', async () => {
  const { child, id } = await looping({ name: 'frozen-1' })
  await pause('frozen-1')
  const code = await interrupt(child)
  expect([130, 137], 'of the first one, when it has thawed, or of the SIGKILL').toContain(code)
  expect(groupsOf(id)).toEqual([])
})

test('the next command removes what a killed engine left, of a paused container too', async () => {
  const { child, id, pid } = await looping({ name: 'frozen-2' })
  await pause('frozen-2')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect((await box(limited([], 'true'))).code).toBe(0)
  expect(groupsOf(id)).toEqual([])
  await until(() => !existsSync(`/proc/${pid}`), 'the container has ended')
})

test('the next lab removes the groups of a lab that was killed', async () => {
  const lab = await openLab({ cgroups: true })
  const engines = groupsOf('lab-*').map((path) => Number(path.match(/workshop-lab-(\d+)-/)?.[1]))
  const engine = engines.find((pid) => status(pid, 'PPid') === `${process.pid}`) // others test in labs, too
  expect(engine).toBeGreaterThan(0)
  process.kill(engine ?? 0, 'SIGKILL')
  await lab.close()
  await using next = await openLab({ cgroups: true })
  expect((await next.exec(['true'])).code).toBe(0)
  await until(() => groupsOf(`lab-${engine}-*`).length === 0, 'its groups are gone')
})
