import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type BoxOptions, currentTree, type Lab, openLab } from '#given/labs.ts'
import { CLONE_NEWUSER } from '#given/libc.ts'
import { layer } from '#given/stack.ts'
import { type Ids, range } from '#given/user/ids.ts'
import { ALONE, addLearner, GID, GRANTED, UID } from '#given/user/learner.ts'
import { switchedOff } from '#given/user/switched-off.ts'
import { lesson } from './lesson.ts'

/** Ids that nobody on the host has. Only root may map them. */
const UNUSED = 2_000_000_000
/** What a map does not name looks like this inside: user_namespaces(7), "Unmapped user and group IDs". */
const NOBODY = 65534
/** The checks of 07.2 to 07.4 set the flag of 07.1 themselves. */
const flags = { user: CLONE_NEWUSER }

let host: Lab
/** A user of the host who may do nothing in particular, and is root inside. */
let ordinary: BoxOptions
beforeAll(async () => {
  const off = switchedOff(false)
  if (off) throw new Error(off)
  host = await openLab({ lesson })
  ordinary = { flags, ids: ALONE, under: await addLearner(host) }
  await sh('mkdir -m 777 /run/shared; touch /run/shared/of-root')
})
afterAll(() => host?.close())

test('07.1 the container has all capabilities, but not over what belongs to the host', async () => {
  const script = 'readlink /proc/self/ns/user; grep CapEff /proc/self/status; hostname renamed'
  const box = await host.run(['sh', '-c', script], { ...ordinary, flags: {}, task: '07.1' })
  const theirs = await host.namespace('self', 'user')
  const [own, capabilities] = box.stdout.split('\n')
  // Without the namespace there is no map to write, and `outside` fails.
  const none = own === theirs || /setgroups|uid_map|gid_map/.test(box.stderr)
  expect(none, "07.1 not written yet: flags is 0, so the container is in the host's user namespace").toBe(false)
  await expect(box, `not the flag, but what comes after it, 07.2 to 07.4. ${SETGROUPS}`).toReachItsCommand()

  const last = Number(await host.read('/proc/sys/kernel/cap_last_cap'))
  const all = ((1n << BigInt(last + 1)) - 1n).toString(16).padStart(16, '0')
  expect(capabilities, 'the first process of a new user namespace has every capability in it').toBe(`CapEff:\t${all}`)
  const why = 'a UTS namespace belongs to a user namespace, this one to the host: the capability does not reach there'
  await expect(box, why).toComplain('you must be root')
  expect(await host.hostname(), why).toBe('host')
})

test('07.2 the kernel takes your line, and means the same by it', async () => {
  const { file } = layer('user', currentTree())
  const code = `import { writeFileSync } from 'node:fs'
    import { mapLine } from '${file}'
    export const mapped = { name: 'mapped', flags: ${CLONE_NEWUSER}, outside({ pid }) {
      writeFileSync('/proc/' + pid + '/gid_map', mapLine({ inside: 9, outside: 0, count: 1 }))
      writeFileSync('/proc/' + pid + '/uid_map', mapLine({ inside: 7, outside: 0, count: 3 }))
    } }`
  await sh('cat > /tmp/mapped.mjs', code)
  const extra = [{ name: 'mapped', file: '/tmp/mapped.mjs' }]
  const script = 'id -u; id -g; cat /proc/self/uid_map'
  const box = await host.run(['sh', '-c', script], { only: [], extra, task: '07.2' })
  await expect(box, 'EINVAL is what the kernel says of a line that is not three numbers').not.toComplain()

  const [uid, gid, map] = box.stdout.trim().split('\n')
  const why = 'a line has the first id inside, the first id outside, and how many: user_namespaces(7)'
  expect(map?.trim().split(/\s+/), why).toEqual(['7', '0', '3'])
  expect([uid, gid], 'user 0 outside is to be 7 inside, group 0 outside 9').toEqual(['7', '9'])
})

test('07.3 root inside is you outside: files made, files found, files refused', async () => {
  const script = `id -u; id -g; cd /run/shared; touch made; stat -c %u:%g made of-root; cat /etc/shadow`
  const box = await host.run(['sh', '-c', script], { ...ordinary, task: '07.3' })
  await expect(box, SETGROUPS).toReachItsCommand()

  const [uid, gid, made, ofRoot] = box.stdout.split('\n')
  expect([uid, gid], 'in the container one is root').toEqual(['0', '0'])
  expect(made, 'what root makes in there is root’s in there').toBe('0:0')
  expect(ofRoot, "the host's root is in no map of yours, so inside he is nobody").toBe(`${NOBODY}:${NOBODY}`)
  const outside = await sh('stat -c %u:%g /run/shared/made')
  expect(outside, `on the host it must be the caller's, user ${UID} and group ${GID}`).toBe(`${UID}:${GID}\n`)
  await expect(box, 'the kernel asks who you are on the host').toComplain('/etc/shadow: Permission denied')
})

test('07.3 every line of a map is written, and setgroups as it was asked for', async () => {
  const first = { inside: 0, outside: UNUSED, count: 1 }
  const ids: Ids = {
    uids: [first, { inside: 1, outside: UNUSED + 100, count: 5 }],
    gids: [first, { inside: 1, outside: UNUSED + 200, count: 6 }],
    setgroups: 'allow',
    by: 'caller',
  }
  const script = 'cd /proc/self; cat uid_map; cat gid_map; cat setgroups'
  const box = await host.run(['sh', '-c', script], { ids, flags, task: '07.3' })
  await expect(box, 'the kernel takes all lines in one write(2), each on a line of its own').not.toComplain()

  const lines = box.stdout.trim().split('\n')
  const seen = lines.map((line) => line.trim().split(/\s+/).join(' '))
  const why = 'uid_map, then gid_map, then setgroups, as the container reads them'
  expect(seen, why).toEqual([`0 ${UNUSED} 1`, `1 ${UNUSED + 100} 5`, `0 ${UNUSED} 1`, `1 ${UNUSED + 200} 6`, 'allow'])
})

test('07.3 a user who is nobody in particular has a whole container, and does no harm with it', async () => {
  const script = `hostname; echo /proc/[0-9]*; mount -t tmpfs none /mnt && touch /mnt/x && echo mounted
    echo /etc/[s]hadow; exec 2>&1; date -s "$(date)" > /dev/null; hostname renamed && hostname; busybox rmmod none; echo x > /sys/kernel/profiling`
  const only = ['user', 'net', 'uts', 'pid', 'mount', 'ipc']
  const box = await host.run(['sh', '-c', script], { ...ordinary, only, hostname: 'box', task: '07.3' })
  await expect(box, SETGROUPS).not.toComplain()

  const [name, processes, mounted, shadow, clock, renamed, module, sys] = box.stdout.split('\n')
  expect([name, processes, mounted, shadow]).toEqual(['box', '/proc/1', 'mounted', '/etc/[s]hadow'])
  expect(renamed, 'the UTS namespace was made with the user namespace, and belongs to it').toBe('renamed')
  expect(clock, 'there is one clock, and it belongs to the first user namespace').toMatch(/not permitted/)
  expect(module, 'and one kernel (some have no modules at all)').toMatch(/not permitted|not implemented/)
  expect(sys, 'and one /sys').toMatch(/Read-only file system/)
})

test('07.4 where the caller is in no map, the child becomes root before execve, and leaves his groups', async () => {
  const script = 'echo $(id -u) $(id -g) $(id -G); grep CapEff /proc/self/status; echo ready; exec sleep 60'
  const options: BoxOptions = { flags, ids: range(UNUSED, UNUSED), under: ['setpriv', '--groups', '4,24', '--'] }
  await using box = await host.start(['sh', '-c', script], { ...options, task: '07.4' })
  await box.program.until(() => box.program.stdout.includes('ready'), 'its ids')

  const [ids, capabilities] = box.program.stdout.split('\n')
  const why =
    'user, group, groups. The caller is in no map, and execve(2) of one who is not root takes his capabilities: ' +
    'setgroups(2), setresgid(2), setresuid(2), before it'
  expect(ids, why).toBe('0 0 0')
  expect(capabilities, why).not.toBe('CapEff:\t0000000000000000')
  const status = await host.read(`/proc/${box.pid}/status`)
  expect(status.match(/^Uid:\t(\d+)/m)?.[1], 'and outside it is nobody whom the host knows').toBe(`${UNUSED}`)
})

test('07.4 with ids of /etc/subuid there are more users than root', async () => {
  const script = 'echo $(id -u) $(id -G); cd /run/shared; touch of-5 && chown 5:6 of-5 && stat -c %u:%g of-5'
  const [, ...setpriv] = ordinary.under ?? []
  const under = ['setpriv', ...setpriv.map((word) => (word === '--clear-groups' ? `--groups=${GID},24` : word))]
  const box = await host.run(['sh', '-c', script], { ...ordinary, ids: GRANTED, under, task: '07.4' })
  await expect(box).not.toComplain()

  const [ids, inside] = box.stdout.split('\n')
  expect(ids, 'its groups are not those of the caller: setgroups(2), which this map allows').toBe('0 0')
  expect(inside).toBe('5:6')
  const outside = await sh('stat -c %u:%g /run/shared/of-5')
  expect(outside, 'the first id that he was granted is 1 inside').toBe('200004:300005\n')
})

const SETGROUPS =
  'EPERM on gid_map: an ordinary user must give up setgroups(2) first. ' +
  'EPERM on a second write: each file takes one'

/** Runs a line of shell on the host. */
async function sh(script: string, input = ''): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script], { input })
  expect(code, stderr).toBe(0)
  return stdout
}
