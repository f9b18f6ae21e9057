import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { mounts } from '#given/proc.ts'
import { project } from '../lib/lessons.ts'
import { Clone } from './clone.ts'

let host: Awaited<ReturnType<typeof openLab>>
beforeAll(async () => {
  host = await openLab({ hostname: 'lab-under-test' })
})
afterAll(() => host.close())

const shell = (command: string) => host.exec(['sh', '-c', command])

test('a lab has namespaces of its own, and the user and time namespaces of this machine', async () => {
  const inside = await host.namespaces('self')
  const link = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`)
  for (const kind of ['ipc', 'mnt', 'net', 'pid', 'uts'] as const) expect(inside[kind]).not.toBe(link(kind))
  for (const kind of ['user', 'time'] as const) expect(inside[kind]).toBe(link(kind))
})

test('its root is read-only and shared, and has the mounts of a host but none that reaches this one', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  expect((await shell(`touch ${project}/x`)).stderr).toContain('Read-only file system')
  expect(
    (await shell('mkdir /tmp/m && mount -t tmpfs none /tmp/m && findmnt -n -o PROPAGATION /tmp/m')).stdout,
  ).toContain('shared')
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before)
  expect(mounts().some(({ target }) => target === '/tmp/m')).toBe(false)
})

test('/etc/hosts can be written, and this machine keeps its own', async () => {
  const before = readFileSync('/etc/hosts', 'utf8')
  expect((await shell('echo 10.0.0.1 marker.example >> /etc/hosts && tail -n 1 /etc/hosts')).stdout).toContain('marker')
  expect(readFileSync('/etc/hosts', 'utf8')).toBe(before)
})

test('of /proc/sys only what a namespace owns can be written', async () => {
  expect((await shell('echo 1 > /proc/sys/kernel/panic')).stderr).toContain('Read-only file system')
  expect((await shell('echo 5000 > /proc/sys/kernel/msgmnb && cat /proc/sys/kernel/msgmnb')).stdout).toBe('5000\n')
  expect((await shell('echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward')).stdout).toBe(
    '1\n',
  )
})

test('the clock cannot be set, nor the machine rebooted, nor a module loaded: their capabilities are gone', async () => {
  const { stdout } = await shell('grep CapBnd /proc/self/status')
  const set = BigInt(`0x${stdout.trim().split(/\s+/)[1]}`)
  for (const bit of [16n, 22n, 25n]) expect(set & (1n << bit)).toBe(0n)
  expect((await shell('date --set 2000-01-01')).stderr).toContain('Operation not permitted')
})

test('a full procfs is kept aside, for rootless containers', async () => {
  expect(
    (await shell('findmnt -n -o FSTYPE /run/workshop/proc; ls /run/workshop/proc/sys/kernel | head -n 1')).stdout,
  ).toMatch(/^proc\n\w+/)
})

test('containers may write to their root, and the root on disk does not change', async () => {
  await host.run(['touch', '/marker'])
  expect((await shell('ls /run/workshop/rootfs/marker')).code).toBe(0)
  expect(existsSync(join(project, '.workshop/rootfs/marker'))).toBe(false)
})

test('two labs at once know nothing of each other; what is left running in one dies with it', async () => {
  const marker = `31.${Date.now()}` // seconds that nobody else sleeps
  const sleepers = () => readdirSync('/proc').filter((pid) => commandLine(pid).includes(marker))
  {
    await using other = await openLab({ hostname: 'the-other' })
    await shell('echo mine > /tmp/whose')
    await other.exec(['sh', '-c', 'echo theirs > /tmp/whose'])
    expect(await host.read('/tmp/whose')).toBe('mine\n')
    expect(await host.hostname()).toBe('lab-under-test')
    expect(await other.hostname()).toBe('the-other')

    await other.exec(['sh', '-c', `setsid sleep ${marker} & sleep 0`])
    expect(sleepers()).toHaveLength(1)
  }
  expect(sleepers()).toEqual([])
})

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // no process, or gone
  }
}

test('a lab that somebody fills with processes ends, says why, and leaves nobody; what it starts has no privilege', async () => {
  await using full = await openLab()
  expect((await full.exec(['nice'])).stdout).toBe('0\n')
  const marker = `32.${Date.now()}`
  // Shells that wait for a writer, for ever: they need no execve(2), the dearest part of a process.
  const bomb = `mkfifo /tmp/${marker}; i=0; while [ $i -lt 1500 ]; do (: < /tmp/${marker}) & i=$((i+1)); done; wait`
  for (const argv of [['sh', '-c', bomb], ['true']]) {
    const { code, stderr } = await full.exec(argv, { timeout: 15 })
    expect(stderr).toMatch(
      /^box: the lab has ended: 1\d{3} processes ran in it\. Does something start others for ever\?$/m,
    )
    expect(code).toBe(125)
  }
  await full.close()
  expect(readdirSync('/proc').filter((pid) => commandLine(pid).includes(marker))).toEqual([])
})

test('a project below /tmp is seen in the lab all the same', () => {
  using clone = new Clone() // the lab's own tmpfs hides /tmp; what lies there is shown at its place again
  writeFileSync(
    join(clone.path, 'scripts/where.ts'),
    `import { openLab } from '#given/labs.ts'
     await using host = await openLab()
     console.log((await host.exec(['ls', '${clone.path}'])).stdout, (await host.run(['echo', 'it runs'])).stdout)`,
  )
  const { output } = clone.run('where')
  expect(output).toContain('package.json')
  expect(output).toContain('it runs')
})
