import { afterAll, beforeAll, test } from 'vitest'
import { CAPABILITIES, maskOf } from '#given/capabilities/names.ts'
import { DEFAULT_CAPABILITIES, PRIVILEGES, type Privileges } from '#given/capabilities/privileges.ts'
import { expect } from '#given/expect.ts'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type BoxOptions, type Lab, openLab, type Result } from '#given/labs.ts'
import { lesson } from './lesson.ts'

/** The capabilities that the probes are about: those of the seed's table, and SYS_TIME. */
const ELEVEN = [
  ...['CHOWN', 'KILL', 'SETUID', 'SETPCAP', 'NET_ADMIN', 'NET_RAW', 'SYS_CHROOT', 'SYS_ADMIN', 'SYS_PTRACE'],
  ...['SYS_MODULE', 'SYS_TIME'],
]

let host: Lab
let stranger: number
beforeAll(async () => {
  host = await openLab({ lesson, keep: lesson.keeps ?? [] })
  const sleep = host.spawn(['setpriv', '--reuid', '65534', '--clear-groups', 'sh', '-c', 'echo $$; exec sleep 600'])
  await sleep.until(() => sleep.stdout.includes('\n'), 'a process of another user')
  stranger = Number(sleep.stdout)
})
afterAll(() => host?.close())

test('09.1 a mask becomes names, also above bit 31', async () => {
  const masks = ['0000000000000000', '0000000000200001', '0000018080000000', '000001ffffffffff']
  const [none, two, high, all] = await host.callEach<string[]>(
    'decode',
    masks.map((hex) => [hex]),
    '09.1',
  )
  expect(none, 'no bit, no name').toEqual([])
  const why = 'The operators & and >> of a JavaScript number see 32 bits; capabilities go up to bit 40, so take BigInt'
  expect(two, `bit 0 is CHOWN, bit 21 is SYS_ADMIN. ${why}`).toEqual(['CHOWN', 'SYS_ADMIN'])
  expect(high, why).toEqual(['SETFCAP', 'BPF', 'CHECKPOINT_RESTORE'])
  expect(all, 'all of them').toEqual(CAPABILITIES)
})

test('09.2 root is refused a chown, and with CHOWN he is not', async () => {
  const script = 'id -u; touch /tmp/file; exec chown 1 /tmp/file'
  const capabilities = DEFAULT_CAPABILITIES.filter((name) => name !== 'CHOWN')
  const without = await box(script, { ...boundingOnly, capabilities }, '09.2')
  await expect(without, HALVES).toReachItsCommand()
  expect(without.stdout, 'the command is to run as root').toBe('0\n')
  const why =
    'when root calls execve(2), the kernel gives him all that is in the bounding set. CHOWN is still in it: prctl(2)'
  await expect(without, why).toComplain('Operation not permitted')
  const allowed = box(script.replaceAll('/file', '/other'), boundingOnly, '09.2')
  await expect(allowed, 'CHOWN is one of the fourteen: you dropped one too many').not.toComplain()
})

test('09.2 the bounding set holds what you keep, and nothing else', async () => {
  const capabilities = ['CHOWN', 'SETPCAP', 'SETFCAP', 'BPF']
  const running = await host.start(['sleep', '60'], { ...options({ ...boundingOnly, capabilities }), task: '09.2' })
  const { CapBnd, CapPrm } = await setsOf(running.pid)
  await running.stop()

  expect(CapBnd, 'these are in the bounding set of the container').toEqual(capabilities)
  expect(CapPrm, 'and root has at execve(2) what the bounding set allows').toEqual(capabilities)
  expect((await setsOf('self')).CapBnd, "your code dropped the host's").toContain('SYS_ADMIN')
})

test('09.2 each capability opens its door, and no other', async () => {
  const probes = new URL('probes.ts', import.meta.url).pathname
  const probe = async (capabilities: string[]) => {
    const command = [process.execPath, '--no-warnings', probes, String(stranger)]
    const wish = { ...options({ ...boundingOnly, capabilities }), only: ['capabilities'], task: '09.2' }
    const result = await host.run(command, wish)
    await expect(result).not.toComplain()
    return JSON.parse(result.stdout) as Record<string, { without: string; alone: string }>
  }

  const all = await probe(ELEVEN)
  if (all.SYS_MODULE?.alone === 'no modules') {
    console.log('SKIPPED: CAP_SYS_MODULE has no meaning here, this kernel was built without modules')
    for (const answer of ['without', 'alone'] as const) expect(all.SYS_MODULE[answer]).toBe('no modules')
    delete all.SYS_MODULE
  }
  for (const [name, { without, alone }] of Object.entries(all)) {
    expect(alone, `with ${name} alone: it was to be kept, is it in the bounding set?`).toBe('works')
    expect(without, `with ten others, and not ${name}`).toBe('EPERM')
  }
  for (const [name, { alone }] of Object.entries(await probe([]))) {
    const expected = name in all ? 'EPERM' : 'no modules'
    expect(alone, `root without any capability still does what ${name} is for: the bounding set is not empty`).toBe(
      expected,
    )
  }
})

test('09.3 the init that goes on living has what you set, also above bit 31', async () => {
  const keep = ['CHOWN', 'KILL', 'SETPCAP', 'PERFMON', 'BPF']
  await using running = await host.start(['sleep', '60'], {
    ...options({ capabilities: keep, seccomp: false }),
    init: true,
    task: '09.3',
  })
  const { CapPrm, CapEff, CapInh } = await setsOf(running.pid)

  const why = 'of pid 1, which did not call execve(2) after your capset(2)'
  expect(CapPrm, `the permitted set ${why}`).toEqual(keep)
  expect(CapEff, `the effective set ${why}. It comes first in the struct: given/capabilities/sets.ts`).toEqual(keep)
  expect(CapInh, `the inheritable set ${why}: it is empty unless you pass one`).toEqual([])
})

test('09.3 what is gone does not come back, by no capset', async () => {
  const again = `import { capset } from '${new URL('../../solutions/09-capabilities/capabilities.ts', import.meta.url).pathname}'
    export const again = { name: 'again', flags: 0, inside: () => capset(1n << 21n, 0n) }`
  await host.exec(['sh', '-c', 'cat > /tmp/again.mjs'], { input: again })
  const extra = [{ name: 'again', file: '/tmp/again.mjs' }]
  const result = host.run(['true'], { ...options({}), only: ['capabilities'], extra, task: '09.3' })

  const why = 'after your capset another one asks for SYS_ADMIN. It must be gone from the permitted set: capset(2)'
  await expect(result, why).toBeRefused('capset(2)', 'EPERM')
})

test('09.3 the container knows nothing of the keys and settings of the kernel', async () => {
  const script = 'cat /proc/keys /proc/timer_list; ls /sys/firmware; echo 1 > /proc/sys/kernel/panic'
  const result = await box(script, { seccomp: false }, '09.3')
  const why = `mount(2) EPERM? The mounts come first, and the capabilities go after them. ${HALVES}`
  await expect(result, why).toReachItsCommand()
  expect(result.stdout, '/proc/keys, /proc/timer_list and /sys/firmware are covered').toBe('')
  expect(result.stderr.replace(/^ls: .*\n/, ''), '/proc/sys is read-only').toMatch(/panic: Read-only file system/)
})

test('09.4 a setuid program gives nobody more than he has', async () => {
  const { bin } = await programs()
  const command = `${bin}/setuid-id -u; ${bin}/filecap-grep CapEff /proc/self/status`
  const strict = box(command, { user: '1000:1000', seccomp: false }, '09.4')
  const why = 'a user of the container became root by a setuid program: prctl(2), PR_SET_NO_NEW_PRIVS'
  await expect(strict, why).toSay('1000\nCapEff:\t0000000000000000\n')

  const lax = box(command, { user: '1000:1000', newPrivileges: true }, '09.4')
  const powers = '0\nCapEff:\t0000000000002000\n'
  await expect(lax, 'without your flag: root by setuid, NET_RAW by setcap(8)').toSay(powers)
})

test('09.4 the filter of system calls is there, since no_new_privs came before it', async () => {
  const script = 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status; unshare --user id -u'
  const result = await box(script, {}, '09.4')
  await expect(result, 'EACCES? seccomp(2) wants no_new_privs first').toReachItsCommand()
  expect(result.stdout, 'NoNewPrivs 1, and Seccomp 2 for a filter').toBe('NoNewPrivs:\t1\nSeccomp:\t2\n')
  await expect(result, 'a user namespace would bring all capabilities').toComplain('Operation not permitted')
  const open = await box('unshare --user id -u', { seccomp: false }, '09.4')
  expect(open.stdout, 'unfiltered, anybody may make one, where the machine allows it').toMatch(/^65534\n$|^$/)
})

test('09.5 the command has the user, the group and the groups that you gave it, and no others', async () => {
  const user: Partial<Privileges> = { user: '1000:1001', groups: ['tty'] }
  const result = await box('id -u; id -g; id -G; cd /tmp && touch mine', user, '09.5')
  const order = 'EPERM? setgroups and setgid take capabilities that setuid ends: the user comes last'
  await expect(result, order).not.toComplain()
  const [uid, gid, groups] = result.stdout.split('\n')
  expect(uid, 'its user').toBe('1000')
  expect(gid, 'its group').toBe('1001')
  expect(groups, 'its groups: setgroups(2) replaces those that root came with').toBe('1001 5')

  const owner = await host.exec(['stat', '-c', '%u %g', `${LAB_ROOTFS}/tmp/mine`])
  expect(owner.stdout, 'the owner of a file that it made, seen from the host').toBe('1000 1001\n')
})

test('09.5 it loses all capabilities with root, and keeps those that were asked for', async () => {
  const script = 'touch /tmp/own-$$; chown 5 /tmp/own-$$; grep Cap /proc/self/status'
  const plain = await box(script, { user: '1000' }, '09.5')
  await expect(plain).toReachItsCommand()
  await expect(plain, 'another user has none: capabilities(7), execve').toComplain('Operation not permitted')
  expect(plain.stdout).toContain('CapEff:\t0000000000000000')
  const asked = await box(script.replaceAll('/own', '/asked'), { user: '1000', asked: ['CHOWN'] }, '09.5')
  await expect(
    asked,
    'EPERM? setuid(2) empties the permitted set, unless PR_SET_KEEPCAPS came before it',
  ).toReachItsCommand()
  await expect(asked, '--cap-add CHOWN: ambient, so that a program without file capabilities has it').not.toComplain()
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
    expect(asked.stdout).toContain(`${set}:\t${hex(['CHOWN'])}`)
})

const HALVES =
  'capset(2) EPERM? That is 09.3: nobody adds to his permitted set. ' +
  'Six numbers of 32 bits, three lower halves and then the three upper ones'

/** no_new_privs would stand in for a forgotten bounding set, and the filter of system calls for both. */
const boundingOnly = { newPrivileges: true, seccomp: false }

function options(privileges: Partial<Privileges>): BoxOptions {
  return { privileges: { ...PRIVILEGES, ...privileges } }
}

function box(script: string, privileges: Partial<Privileges>, task: string): Promise<Result> {
  return host.run(['sh', '-c', script], { ...options(privileges), task })
}

const hex = (names: string[]) => maskOf(names).toString(16).padStart(16, '0')

/** The five sets of a process, as the kernel prints them. */
async function setsOf(pid: number | 'self'): Promise<Record<string, string[]>> {
  const lines = (await host.read(`/proc/${pid}/status`)).split('\n').filter((line) => line.startsWith('Cap'))
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', mask = '0'] = line.split(':\t')
      return [name, CAPABILITIES.filter((_, n) => (BigInt(`0x${mask}`) >> BigInt(n)) & 1n)]
    }),
  )
}

/** Two programs in the image that give more than one has: by the setuid bit, and by file capabilities. */
async function programs(): Promise<{ bin: string }> {
  const bin = '/usr/local/bin'
  const script = `cd ${LAB_ROOTFS} && mkdir -p usr/local/bin
    install -m 4755 bin/id usr/local/bin/setuid-id
    install -m 755 bin/grep usr/local/bin/filecap-grep && setcap cap_net_raw+ep usr/local/bin/filecap-grep`
  const { code, stderr } = await host.exec(['sh', '-c', script])
  if (code !== 0) throw new Error(stderr)
  return { bin }
}
