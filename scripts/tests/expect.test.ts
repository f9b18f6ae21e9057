import { afterAll, beforeAll, describe, test, vi } from 'vitest'
import type { TestCase } from 'vitest/node'
import { expect } from '#given/expect.ts'
import { type Box, type Lab, openLab } from '#given/labs.ts'
import { patience } from '#given/patience.ts'
import { changesSince, type Snapshot, snapshot } from '#given/snapshot.ts'
import { LessonReporter } from '../lib/reporter.ts'

let host: Lab
/** A container that runs, with some namespaces of its own. */
let box: Box
beforeAll(async () => {
  host = await openLab()
  box = await host.start(['sleep', '6000'], { only: ['uts', 'pid', 'mount'] })
})
afterAll(() => host.close())

const sh = (script: string) => host.exec(['sh', '-c', script])
/** What a matcher says where it fails. */
const said = (assertion: Promise<void>) =>
  assertion.then(
    () => 'it passed',
    (error: Error) => error.message,
  )

test('toBeInOwnNamespace compares a container with the host, and names both', async () => {
  await expect(box).toBeInOwnNamespace('uts')
  await expect(box).not.toBeInOwnNamespace('ipc')

  expect(await said(expect(box, 'flags is 0').toBeInOwnNamespace('net'))).toMatch(
    /^flags is 0: \nexpected {2}its own net namespace\nkernel {4}\/proc\/\d+\/ns\/net is net:\[(\d+)\], the host's is net:\[\1\]\nsee {7}network_namespaces\(7\)$/,
  )
  expect(await said(expect(box).not.toBeInOwnNamespace('uts'))).toMatch(
    /expected {2}the host's uts namespace\nkernel {4}.*\nsee {7}uts_namespaces\(7\)$/,
  )
})

describe('toLeaveTheHostUntouched', () => {
  const table: [script: string, words: RegExp, page: string][] = [
    ['hostname renamed', /^host name: renamed, and was host$/, 'uts_namespaces(7)'],
    ['domainname lab.example', /^NIS domain name: lab\.example, and was \(none\)$/, 'uts_namespaces(7)'],
    ['mount -t tmpfs none /mnt', /^mounts: \/ \/mnt rw,relatime, which is new$/, 'mount_namespaces(7)'],
    ['mknod /dev/mine c 1 3', /^devices: mine, which is new$/, 'mount_namespaces(7)'],
    ['touch /dev/shm/mine', /^shared memory: mine, which is new$/, 'mount_namespaces(7)'],
    ['touch /dev/mqueue/mine', /^message queues: mine, which is new$/, 'ipc_namespaces(7)'],
    ['ipcmk -M 4096', /^IPC objects: -?\d+ +\d+, which is new$/, 'ipc_namespaces(7)'],
    ['echo 4096 > /proc/sys/kernel/shmmax', /IPC limits: .*shmmax:4096.*, and was .*shmmax:\d+/, 'ipc_namespaces(7)'],
    ['echo 7 > /proc/sys/fs/mqueue/msg_max', /IPC limits: .*msg_max:7.*, and was .*msg_max:\d/, 'ipc_namespaces(7)'],
  ]
  let before: Snapshot
  let changes: { words: string; see: string }[]
  beforeAll(async () => {
    before = await snapshot(host)
    await expect(sh('true')).toLeaveTheHostUntouched(before)
    await sh(table.map(([script]) => script).join('\n'))
    changes = await changesSince(before)
  })

  test.for(table)('sees %s', ([, words, see]) => {
    expect(changes).toContainEqual(expect.objectContaining({ words: expect.stringMatching(words), see }))
  })

  test('tells all of it, and where to read about it', async () => {
    const message = await said(expect(sh('true'), 'your code did it').toLeaveTheHostUntouched(before))
    expect(message).toContain('your code did it: \nexpected  the host as it was before\nkernel  ')
    for (const { words } of changes) expect(message).toContain(words)
    expect(message).toMatch(/\nsee {7}uts_namespaces\(7\), mount_namespaces\(7\), ipc_namespaces\(7\)$/)
    await expect(sh('true')).not.toLeaveTheHostUntouched(before)
  })
})

test('toLeaveTheHostUntouched waits for what the kernel only forgets after a while, and tells if it stays', async () => {
  const before = await snapshot(host)
  await expect(
    sh('ip link add brief type veth peer name other; (sleep 0.5; ip link del brief) &'),
  ).toLeaveTheHostUntouched(before)

  const script = `ip link add mine type veth peer name yours; nft add table ip mine; echo 1 > /proc/sys/net/ipv4/ip_forward
    (sleep 6000 > /dev/null 2>&1 &)`
  vi.stubEnv('WORKSHOP_PATIENCE', String(Math.min(2, patience()))) // it stays: where time limits are stretched, that takes minutes to tell
  const message = await said(expect(sh(script)).toLeaveTheHostUntouched(before))
  vi.unstubAllEnvs()
  for (const words of ['network links: mine', 'firewall: table ip mine', 'IP forwarding: 1, and was 0', 'sleep 6000'])
    expect(message).toContain(words)
  expect(message).toContain('see       network_namespaces(7), pid_namespaces(7)')
})

test('toSeeOnly looks from within: at processes, and into a folder', async () => {
  await expect(box).toSeeOnly('processes', ['1 sleep'])
  await expect(box).toSeeOnly('/dev/pts', ['ptmx'])
  await expect(box).not.toSeeOnly('/dev/pts', [])

  const message = await said(expect(box, 'nobody else').toSeeOnly('processes', ['1 sleep', '2 cat']))
  expect(message).toBe('nobody else: \nexpected  processes, and no others: 1 sleep, 2 cat\nkernel    1 sleep')
  expect(await said(expect(box).toSeeOnly('/no/such', []))).toContain('No such file or directory')
})

test('toSay wants exactly this on standard output, and nothing on standard error', async () => {
  await expect(sh('echo box')).toSay('box\n')
  await expect(sh('echo box')).toSay(/^b/)
  await expect(sh('true')).toSay('')
  await expect(sh('echo box')).not.toSay('bo')

  const message = await said(expect(sh('echo host'), 'uname(2)').toSay('box\n'))
  expect(message).toBe('uname(2): \nexpected  box\nkernel    host')
  expect(await said(expect(sh('echo box; echo but >&2')).toSay('box\n'))).toContain('kernel    but')
})

test('toSay gives a container that runs time for what it still has to say, and no more than it needs', async () => {
  await using slow = await host.start(['sh', '-c', 'echo one; sleep 1; echo two; sleep 60'], { only: ['pid'] })
  await expect(slow).toSay('one\ntwo\n')
  for (const script of ['echo one; echo three; sleep 60', 'echo two; exit', 'echo no >&2; sleep 60']) {
    const program = host.spawn(['sh', '-c', script])
    const other = { ...slow, program } // of a container, it is all that toSay looks at
    expect(await said(expect(other).toSay('one\ntwo\n'))).toMatch(
      /expected {2}one\ntwo\nkernel {4}(one\nthree|two|no)$/,
    )
    program.signal('SIGKILL')
  }
})

test('toComplain is about standard error', async () => {
  await expect(sh('echo no >&2')).toComplain()
  await expect(sh('echo no way >&2')).toComplain('no')
  await expect(sh('echo no way >&2')).toComplain(/^no way$/m)
  await expect(sh('echo fine')).not.toComplain()

  expect(await said(expect(sh('echo fine'), 'chown(2)').toComplain('Operation not permitted'))).toBe(
    'chown(2): \nexpected  on standard error: Operation not permitted\nkernel    nothing; on standard output: fine',
  )
  expect(await said(expect(sh('echo no >&2')).not.toComplain())).toBe(
    '\nexpected  nothing on standard error\nkernel    no',
  )
})

const stumble = { name: 'stumble', file: new URL('fixtures/diary.ts', import.meta.url).pathname }

test('where the command was not even reached, the engine says why, whatever was expected', async () => {
  const broken = await host.run(['true'], { only: [], extra: [stumble] })
  const before = await snapshot(host)
  await expect(broken).not.toReachItsCommand()
  await expect(broken).toEndWith(125)
  const assertions = [
    expect(broken, 'a hint').toReachItsCommand(),
    expect(broken, 'a hint').toSay(''),
    expect(broken, 'a hint').not.toSay('box\n'),
    expect(broken, 'a hint').not.toComplain(),
    expect(broken, 'a hint').toLeaveTheHostUntouched(before),
    expect(broken, 'a hint').toEndWith(0),
    expect(broken, 'a hint').not.toEndWith(0),
  ]
  for (const message of await Promise.all(assertions.map(said))) expect(message).toMatch(/^a hint: \nbox: .*stumbled/)

  await expect(sh('exit 3')).toReachItsCommand()
  await expect(box).toReachItsCommand()
})

test('toEndWith takes an exit code, or a signal', async () => {
  await expect(sh('exit 7')).toEndWith(7)
  await expect(sh('exit 7')).not.toEndWith(0)
  await using box = await host.start(['sleep', '60'], { only: ['uts'] })
  await host.exec(['kill', '-KILL', String(box.pid)])
  await expect(box).toEndWith('SIGKILL')
  const namespace = await said(expect(box).toBeInOwnNamespace('uts'))
  expect(namespace, 'no answer is no other namespace').toContain('has ended')

  expect(await said(expect(box, 'the kernel drops it').toEndWith('SIGTERM'))).toBe(
    'the kernel drops it: \nexpected  it ends with SIGTERM\nkernel    it ended with 137, which is 128 + SIGKILL\nsee       signal(7)',
  )
  expect(await said(expect(sh('echo why >&2; exit 7')).toEndWith(0))).toBe(
    '\nexpected  it ends with 0\nkernel    it ended with 7\nwhy',
  )
})

test('toBeRefused wants the call and the errno, in what a container or a function tells', async () => {
  const named = (hostname: string) => host.run(['true'], { only: ['uts'], hostname })
  const short = await named('short')
  const refusal = async () => {
    throw new Error('shmget(2): EINVAL, invalid argument')
  }
  await expect(named('x'.repeat(65))).toBeRefused('sethostname(2)', 'EINVAL')
  await expect(refusal()).toBeRefused('shmget(2)', 'EINVAL')
  await expect(refusal()).not.toBeRefused('shmget(2)', 'ENOENT')
  await expect(refusal()).not.toBeRefused('get(2)', 'EINVAL')
  await expect(short).not.toBeRefused('sethostname(2)', 'EINVAL')

  expect(await said(expect(short, 'too long').toBeRefused('sethostname(2)', 'EINVAL'))).toBe(
    'too long: \nexpected  sethostname(2) fails with EINVAL\nkernel    nothing: it went well\nsee       sethostname(2)',
  )
  expect(await said(expect(Promise.resolve(5)).toBeRefused('shmget(2)', 'EINVAL'))).toContain('no error, but 5')
})

/** What a learner reads of a failure. */
async function read(assertion: () => unknown): Promise<string[]> {
  const reporter = new LessonReporter(() => {})
  const error = await (async () => assertion())().catch((caught: unknown) => caught)
  const test = { name: 'a check', result: () => ({ state: 'failed', errors: [error] }) }
  reporter.onTestCaseResult(test as unknown as TestCase)
  return reporter.outcomes[0]?.said ?? []
}

test('a learner reads the same four parts of a matcher of ours and of one of vitest', async () => {
  expect(await read(() => expect(sh('echo host'), 'who was named? uname(2)').toSay('box\n'))).toEqual([
    'expected  box',
    'kernel    host',
    'why       who was named? uname(2)',
    'see       uname(2)',
  ])
  expect(await read(() => expect('host', 'your code renamed the host: uts_namespaces(7)').toBe('box'))).toEqual([
    'expected  box',
    'received  host',
    'why       your code renamed the host',
    'see       uts_namespaces(7)',
  ])
  expect(await read(() => expect('a\nb', 'why').not.toContain('b'))).toEqual([
    'expected  not to contain b',
    'received  a',
    '          b',
    'why       why',
  ])
  expect(await read(() => expect(['41'], 'why').toContain('45'))).toEqual([
    'expected  to contain 45',
    'received  ["41"]',
    'why       why',
  ])
  expect(await read(() => expect(['41', '45'], 'why').not.toContain('45'))).toEqual([
    'expected  not to contain 45',
    'received  ["41","45"]',
    'why       why',
  ])
  expect(await read(() => expect(3, 'why').toBeGreaterThanOrEqual(4))).toEqual([
    'expected  to be greater than or equal to 4',
    'received  3',
    'why       why',
  ])
  expect(await read(() => expect('same', 'why').not.toBe('same'))).toEqual([
    'expected anything but  "same"',
    'received  "same"',
    'why       why',
  ])
})

test('what is not written yet, and what the engine says, comes alone', async () => {
  expect(await read(() => expect(sh('true'), '04.2 not written yet: flags is 0').toSay('box\n'))).toEqual([
    '04.2 not written yet: flags is 0',
  ])
  const unwritten = sh('echo "box: 04.1 sethostname(2): not written yet" >&2; exit 125')
  expect(await read(() => expect(unwritten, 'a hint').toSay('box\n'))).toEqual(['04.1 sethostname(2): not written yet'])
  expect(await read(() => expect(unwritten).toBeRefused('sethostname(2)', 'EINVAL'))).toEqual([
    '04.1 sethostname(2): not written yet',
  ])
  const failed = sh('echo "box: mount(2) on /proc: EPERM, operation not permitted" >&2; exit 125')
  expect(await read(() => expect(failed, 'the mounts come first').toReachItsCommand())).toEqual([
    'mount(2) on /proc: EPERM, operation not permitted',
    'why       the mounts come first',
    'see       mount(2)',
  ])
  expect(await read(() => expect(failed, '05.1 not written yet: flags is 0').not.toComplain())).toEqual([
    'mount(2) on /proc: EPERM, operation not permitted',
    'see       mount(2)',
  ])
})
