import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'
import { NAMESPACES } from '#given/proc.ts'
import { lesson } from './lesson.ts'

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson, hostname: 'host' })
})
afterAll(() => host.close())

test('00.1 the NIS domain name is the one that the kernel has', async () => {
  const longest = `café.${'d'.repeat(58)}` // 64 bytes: é has two
  for (const name of ['(none)', longest]) {
    await host.exec(['domainname', name])
    const got = await host.call('getdomainname', [], '00.1')
    const why = 'a C string ends at its first 0 byte, and is UTF-8; a name has up to 64 bytes, and then that 0'
    expect(got, `${why}: getdomainname(2)`).toBe(name)
  }
})

test('00.1 it asks the kernel, and not a file that somebody may have replaced', async () => {
  const file = '/proc/sys/kernel/domainname'
  await host.exec(['sh', '-c', `domainname lab.example; echo a.lie > /tmp/lie; mount --bind /tmp/lie ${file}`])
  const got = await host.call('getdomainname', [], '00.1').finally(() => host.exec(['umount', file]))

  expect(got, 'make the call with bind(), from the prototype in getdomainname(2)').toBe('lab.example')
})

test('00.1 a call that the kernel refuses becomes an error with the name of errno', async () => {
  await host.call('getdomainname', [], '00.1') // bound by bind(), as the call below is
  const { error } = await refused('sethostname', ['x'.repeat(65)])

  expect(error).toMatchObject({ name: 'SyscallError', code: 'EINVAL' })
  expect(error.message, 'which call, on what, the name of errno, and what it means').toMatch(
    /^sethostname\(2\) on x+: EINVAL, invalid argument$/,
  )
  expect(await host.hostname(), 'a refused call changes nothing').toBe('host')
})

test('00.2 the links of a process, as readlink(1) reads them', async () => {
  const pid = await sleeper()
  const links = await host.call('namespaces', [pid], '00.2')

  const read = 'cd /proc/$0/ns && for name in *; do echo "$name $(readlink $name)"; done'
  const { stdout } = await host.exec(['sh', '-c', read, `${pid}`])
  const kernel = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  )
  expect(kernel).toHaveProperty('time_for_children')
  expect(links, `compare with ls -l /proc/${pid}/ns: a property for each link, and where it leads`).toEqual(kernel)
})

test('00.2 lsns(8) and /proc/<pid>/cgroup answer for any process too', async () => {
  const pid = await sleeper('unshare', '--uts', '--ipc')
  const links = await host.call<Record<string, string>>('namespaces', [pid], '00.2')

  const { stdout } = await host.exec(['lsns', '--noheadings', '--output', 'TYPE,NS', '--task', `${pid}`])
  const listed = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const yours = NAMESPACES.map((kind) => [kind, links[kind]?.replace(/\D/g, '')])
  expect(yours, 'lsns --task lists the same eight').toEqual(listed.sort())
  expect(await host.read(`/proc/${pid}/cgroup`)).toMatch(/^\d+:[^:]*:\//)
})

test('00.2 …_for_children is where the next child will be, and need not be where the process is', async () => {
  const parent = await sleeper('unshare', '--pid', '--fork')
  const [child] = await childrenOf(parent)
  const links = await host.call<Record<string, string>>('namespaces', [parent], '00.2')

  expect(links.pid, 'unshare(2) never moves its caller to another pid namespace').toBe(await host.namespace(1, 'pid'))
  expect(
    links.pid_for_children,
    'its children are there: read the links of the process that you were asked about',
  ).toBe(await host.namespace(Number(child), 'pid'))
  expect(links.pid_for_children).not.toBe(links.pid)
})

test('00.2 no such process is ENOENT, not an empty answer', async () => {
  const call = host.call('namespaces', [4194305], '00.2') // more than the kernel's PID_MAX_LIMIT
  const outcome = await call.catch((error) => error.code ?? error.message)
  expect(outcome, 'let the error of readdir(3) or readlink(2) through').toBe('ENOENT')
})

test('00.3 your shell and pid 1 share all eight', async () => {
  const shell = await sleeper()
  const all = 'in the lab as on any host, a process has its namespaces from its parent, unless somebody made new ones'
  expect(await host.call('shared', [shell, 1], '00.3'), all).toEqual([...NAMESPACES])
})

test('00.3 a process with namespaces of its own shares the others', async () => {
  const pid = await sleeper('unshare', '--uts', '--ipc')
  const common = await host.call('shared', [pid, 1], '00.3')
  expect(common, 'unshare(1) made new uts and ipc namespaces').toEqual(['cgroup', 'mnt', 'net', 'pid', 'time', 'user'])
})

test('00.3 of ten links eight count: the parent of a new pid namespace is not in it', async () => {
  const parent = await sleeper('unshare', '--pid', '--fork')
  const [child] = await childrenOf(parent)
  const [theParent, theChild] = await host.callEach(
    'shared',
    [parent, Number(child)].map((pid) => [pid, 1]),
    '00.3',
  )
  expect(theParent, 'pid_for_children differs, pid does not: compare the eight in NAMESPACES').toEqual([...NAMESPACES])
  expect(theChild).toEqual(NAMESPACES.filter((kind) => kind !== 'pid'))
})

test('00.3 a container is a process of this kernel: its own userland, but no other kernel and no other CPU', async () => {
  const script = 'uname -r; grep ^ID= /etc/os-release; echo said'
  await using box = await host.start(['sh', '-c', `${script}; exec sleep 60`], { only: ['chroot'], task: '00.3' })
  const why = 'a mechanism without a flag makes no new namespace: all eight of NAMESPACES are shared'
  expect(await host.call('shared', [box.pid, 1], '00.3'), why).toHaveLength(8)

  await box.program.until(() => box.program.stdout.includes('said'), 'it had looked')
  const outside = await host.exec(['sh', '-c', script])
  const [kernel, userland] = box.program.stdout.split('\n')
  const [hostKernel, hostUserland] = outside.stdout.split('\n')
  expect(kernel).toBe(hostKernel)
  expect(userland).not.toBe(hostUserland)

  await host.exec([
    'sh',
    '-c',
    `cp /bin/true ${ROOTFS}/itanium; printf 2 | dd of=${ROOTFS}/itanium bs=1 seek=18 conv=notrunc`,
  ])
  const foreign = await host.run(['/itanium'], { only: ['chroot'], task: '00.3' })
  expect(foreign).toMatchObject({ code: 126, stderr: expect.stringMatching(/ENOEXEC.*another architecture/) })
})

const ROOTFS = '/run/workshop/rootfs'

/** Starts a process that sleeps, by `wrapper` if there is one, and returns its pid in the lab when it is there. */
async function sleeper(...wrapper: string[]): Promise<number> {
  const program = host.spawn(['sh', '-c', 'echo $$; exec "$@"', 'sh', ...wrapper, 'sh', '-c', 'echo up; sleep 60'])
  await program.until(() => program.stdout.includes('up'), 'the process had started')
  return Number.parseInt(program.stdout, 10)
}

async function childrenOf(pid: number): Promise<string[]> {
  return (await host.exec(['pgrep', '--parent', `${pid}`])).stdout.trim().split('\n')
}

/** Makes a call of given/libc.ts in the lab, and returns what it threw. */
async function refused(name: string, args: unknown[]): Promise<{ error: Error }> {
  const given = (file: string) => new URL(`given/${file}`, import.meta.url).pathname
  const argv = [process.execPath, '--no-warnings', given('call.ts'), given('libc.ts'), name, JSON.stringify(args)]
  const program = host.spawn(argv)
  await program.result
  return JSON.parse(program.reports[0] ?? '{}')
}
