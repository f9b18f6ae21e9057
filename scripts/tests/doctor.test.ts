import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { NAMESPACES } from '#given/proc.ts'
import { examine, type Finding } from '../doctor/checks.ts'
import type { Host } from '../doctor/host.ts'
import { project } from '../lib/lessons.ts'

const FILES: Record<string, string> = {
  '/proc/sys/kernel/osrelease': '6.1.0-56-cloud-amd64',
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc',
  ...Object.fromEntries(NAMESPACES.map((kind) => [`/proc/self/ns/${kind}`, ''])),
}

/** A virtual Linux on which all is well, but for what a test says. */
function machine(other: Partial<Host> & { files?: Record<string, string | undefined> } = {}): Host {
  const files: Record<string, string | undefined> = { ...FILES, ...other.files }
  return {
    platform: 'linux',
    uid: 0,
    node: 'v26.1.0',
    virtual: true,
    read: (file) => files[file],
    exists: (file) => files[file] !== undefined,
    find: (program) => `/usr/bin/${program}`,
    ask: (_, ...args) => (args.includes('--missing') ? '' : 'version 1'),
    free: () => 50,
    ...other,
  }
}

function finding(name: string, host: Host): Finding | undefined {
  return examine(host).find((one) => one.name === name)
}

test('a machine on which all is well lacks nothing', () => {
  expect(examine(machine()).filter(({ verdict }) => verdict === 'missing')).toEqual([])
  expect(finding('cgroups', machine())?.said).toBe('v2, with cpu memory pids io cpuset')
})

test('an old kernel is named, with what is needed', () => {
  const old = machine({ files: { '/proc/sys/kernel/osrelease': '5.4.0-1-generic' } })
  expect(finding('kernel', old)).toMatchObject({ verdict: 'missing', said: '5.4.0-1-generic: too old, 5.12 at least' })
})

test('a namespace that the kernel lacks, and one that may not be made', () => {
  const none = machine({ files: { '/proc/self/ns/user': undefined } })
  expect(finding('namespaces', none)).toMatchObject({ verdict: 'missing', said: expect.stringContaining('no user') })
  const forbidden = machine({ files: { '/proc/sys/user/max_user_namespaces': '0' } })
  expect(finding('namespaces', forbidden)?.mend).toBe('sudo sysctl -w user.max_user_namespaces=10000')
})

test("Ubuntu's restriction of user namespaces is a warning, with the command that lifts it", () => {
  const name = 'kernel.apparmor_restrict_unprivileged_userns'
  const ubuntu = machine({ files: { [`/proc/sys/${name.replaceAll('.', '/')}`]: '1' } })
  expect(finding('sysctls', ubuntu)).toMatchObject({ verdict: 'warning', mend: `sudo sysctl -w ${name}=0` })
})

test('cgroup controllers that are absent are named, on v2 and on v1', () => {
  const few = machine({ files: { '/sys/fs/cgroup/cgroup.controllers': 'hugetlb' } })
  expect(finding('cgroups', few)).toMatchObject({
    verdict: 'warning',
    said: expect.stringMatching(/^v2, without cpu,/),
  })
  const files = {
    '/sys/fs/cgroup/cgroup.controllers': undefined,
    '/proc/self/mountinfo': '30 24 0:26 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory',
    '/proc/cgroups': 'cpuset\t1\t1\t1\ncpu\t2\t1\t1\nblkio\t3\t1\t1\nmemory\t4\t1\t1\npids\t5\t1\t1',
  }
  expect(finding('cgroups', machine({ files }))).toMatchObject({ verdict: 'ok', said: expect.stringMatching(/^v1, /) })
})

test('what the VM takes is needed where the lessons do not run, and a remark where they do', () => {
  const find = (program: string) =>
    /vagrant|qemu|VBox|prlctl|vmrun|virsh/.test(program) ? undefined : `/bin/${program}`
  expect(finding('Vagrant', machine({ find }))?.verdict).toBe('warning')
  const metal = machine({ find, virtual: false, uid: 1000 })
  expect(finding('Vagrant', metal)).toMatchObject({
    verdict: 'missing',
    mend: expect.stringMatching(/^sudo apt-get update && sudo apt-get install .* vagrant$/),
  })
  expect(finding('QEMU', metal)?.verdict).toBe('missing')
  const mac = machine({ find, virtual: false, platform: 'darwin' })
  expect(finding('QEMU', mac)?.mend).toMatch(/^brew install qemu/)
  const withBox = machine({ find: (name) => (name === 'VBoxManage' ? name : find(name)), virtual: false })
  expect(finding('QEMU', withBox)).toMatchObject({
    verdict: 'warning',
    said: expect.stringContaining('VBoxManage is there'),
  })
})

test('a Node that is too old, programs that are missing, a disk that is full', () => {
  expect(finding('Node', machine({ node: 'v20.11.0' }))?.verdict).toBe('missing')
  expect(finding('programs', machine({ ask: () => 'capsh' }))).toMatchObject({
    verdict: 'missing',
    said: 'missing: capsh',
  })
  expect(finding('disk', machine({ free: () => 2 }))?.verdict).toBe('warning')
  expect(finding('disk', machine({ free: () => 0.1 }))?.verdict).toBe('missing')
})

// It asks Vagrant twice, which takes seconds each time.
test('the command: a line each, or JSON, and the exit code is the verdict', { timeout: seconds(90) }, () => {
  const doctor = (...args: string[]) => {
    const node = ['--no-warnings', '--import', 'tsx', join(project, 'scripts/doctor.ts'), ...args]
    return spawnSync(process.execPath, node, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  }
  const json = doctor('--json')
  const { ok, findings } = JSON.parse(json.stdout) as { ok: boolean; findings: Finding[] }
  expect(json.status).toBe(ok ? 0 : 1)
  expect(ok).toBe(findings.every(({ verdict }) => verdict !== 'missing'))
  const text = doctor()
  expect(text.status).toBe(json.status)
  for (const { name } of findings) expect(text.stdout).toContain(`${name.padEnd(12)} `)
  expect(findings.map(({ name }) => name)).toEqual(expect.arrayContaining(['kernel', 'namespaces', 'cgroups', 'Node']))
})
