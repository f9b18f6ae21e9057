import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type BoxOptions, currentTree, type Lab, openLab, type Program } from '#given/labs.ts'
import { CLONE_NEWIPC } from '#given/libc.ts'
import { snapshot } from '#given/snapshot.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson })
})
afterAll(() => host.close())

const noFlag = '05.1 not written yet: flags asks for no IPC namespace, so'
const separate = { flags: { ipc: CLONE_NEWIPC } } // for the tasks that are not about the flag

test('05.1 what is made outside does not exist inside, and the other way round', async () => {
  await shell('ipcmk -M 4096 && ipcmk -S 1 && ipcmk -Q && touch /dev/mqueue/orders')
  const outside = keys(await shell('ipcs'))
  const before = await snapshot(host)
  expect(outside, 'a segment, a semaphore, a message queue').toHaveLength(3)

  const queues = `unshare --mount sh -c 'mount -t mqueue mqueue /tmp && ls /tmp'` // those of the namespace it is in
  const inside = await host.run(['sh', '-c', `ipcmk -M 4096 >/dev/null && ipcs && ${queues}`], { task: '05.1' })
  await expect(inside).not.toComplain()
  const seen = keys(inside.stdout)
  const shared = seen.filter((key) => outside.includes(key))
  expect(shared, `${noFlag} the container sees the host's objects: ipc_namespaces(7)`).toEqual([])
  expect(inside.stdout, 'POSIX message queues belong to the namespace too').not.toContain('orders')
  expect(seen, 'it sees the segment that it made itself').toHaveLength(1)
  await expect(inside, 'the host does not see the segment of the container').toLeaveTheHostUntouched(before)
})

test('05.1 each namespace has its limits', async () => {
  const limit = '/proc/sys/kernel/shmmax'
  const options: BoxOptions = { only: ['mount', 'ipc'], task: '05.1' } // mount, for a /proc/sys that it may write
  const before = await snapshot(host)
  const old = await shell(`cat ${limit}`)
  await shell(`echo 4096 > ${limit}`)
  await expect(host.exec(['ipcmk', '-M', '8192']), "the host's limit counts on the host").toComplain('Invalid')
  const lower = `echo 2048 > ${limit}; echo 7 > /proc/sys/fs/mqueue/msg_max; ipcmk -M 4096`
  const inside = await host.run(['sh', '-c', `ipcmk -M 8192 || exit; ${lower}`], options)
  const left = await shell(`cat ${limit}; echo ${old} > ${limit}`)

  await expect(inside).toReachItsCommand()
  expect(inside.stdout, `${noFlag} the host's limit counts in the container`).toContain('Shared memory id')
  await expect(inside, 'the container has lowered its own limit').toComplain('Invalid argument')
  expect(left, "your container changed the host's limit").toBe('4096')
  await expect(inside, "your container changed the host's limit").toLeaveTheHostUntouched(before)
  await shell('ipcmk -M 8192')
})

test('05.1 abstract Unix sockets still cross: they belong to the network namespace', async () => {
  const server = `require('net').createServer((c) => c.end('hello')).listen('\\0workshop', () => console.log('up'))`
  const client = `const socket = require('net').connect('\\0workshop')
    socket.on('data', (data) => process.stdout.write(data)).on('error', ({ message }) => console.error(message))`
  const serving = host.spawn([process.execPath, '-e', server])
  await serving.until(() => serving.stdout.includes('up'), 'the server listened')

  const ask = [process.execPath, '-e', client]
  const theirs = await host.namespace('self', 'ipc')
  const script = `own=$(readlink /proc/self/ns/ipc); echo $own; [ $own != '${theirs}' ] || exit 0
    "$@"; echo; exec 2>&1; unshare --net "$@"`
  const asked = await host.run(['sh', '-c', script, 'sh', ...ask], { task: '05.1' })
  await expect(asked).toReachItsCommand()
  const why = 'it does not reach the server: CLONE_NEWIPC alone makes no network namespace'
  await expect(asked, why).not.toComplain()
  const [own, answer, alone] = asked.stdout.split('\n')
  expect(own, `${noFlag} it is the host's`).not.toBe(theirs)
  expect(answer, 'another IPC namespace, and yet it reaches the server').toBe('hello')
  expect(alone, 'with a network namespace of its own it does not').toContain('ECONNREFUSED')
  serving.signal('SIGKILL')
})

test('05.2 /dev/mqueue shows the queues of the container', async () => {
  await shell('touch /dev/mqueue/outside')
  const command = 'touch /dev/mqueue/inside; ls /dev/mqueue; cat /dev/mqueue/inside; findmnt -no OPTIONS /dev/mqueue'
  const box = await host.run(['sh', '-c', command], { ...separate, only: ['mount', 'ipc'], task: '05.2' })

  await expect(box).not.toComplain()
  const [queues, ...more] = box.stdout.split('\n')
  expect(queues, 'its own queue, and not the one of the host').toBe('inside')
  expect(more[0], 'a file of the type mqueue is a queue: mq_overview(7)').toContain('QSIZE:0')
  expect(more[1], 'nothing in there is a program or a device').toMatch(/nosuid,nodev,noexec/)
  expect(await shell('ls /dev/mqueue'), 'the host has its own queues').not.toContain('inside')
})

test('05.2 without a mount namespace of its own nothing is mounted', async () => {
  const before = await snapshot(host)
  const box = await host.run(['true'], { ...separate, only: ['ipc'], task: '05.2' })

  await expect(box, 'without "mount" among spec.mechanisms, /dev is the host\'s: leave it alone').not.toComplain()
  await expect(box, 'your code mounted on the host: is "mount" among spec.mechanisms?').toLeaveTheHostUntouched(before)
})

test('05.3 segment finds a segment by its key, and makes it where there is none', async () => {
  const asked = [0xcafe, 4096]
  const [id, again] = await host.callEach('segment', [asked, asked], '05.3')

  const [line = ''] = (await shell('ipcs -m')).match(/^0x0000cafe .*/m) ?? []
  const [, listed, , perms, bytes] = line.split(/\s+/)
  expect(listed, 'ipcs -m on the host lists the id that shmget(2) gave').toBe(String(id))
  expect(bytes).toBe('4096')
  expect(perms, 'the permissions are the last nine bits of the flags, in octal as for a file: yours alone').toBe('600')
  expect(again, 'the same key is the same segment').toBe(id)
  const tooLarge = host.call('segment', [0xcafe, 8192], '05.3')
  await expect(tooLarge, 'it is not that large: let the error through').toBeRefused('shmget(2)', 'EINVAL')
})

test('05.3 two containers, one key, different data', async () => {
  const { file } = layer('ipc', currentTree())
  const memory = new URL('memory.ts', import.meta.url).pathname
  const share = (text: string) => [process.execPath, '--no-warnings', memory, file, '7', text]
  const pair = async (start: (argv: string[]) => Promise<Program>) => {
    const one = await start(share('one'))
    await one.until(() => one.stdout.includes('found'), 'it had found its segment')
    const two = await start(share('two'))
    two.write('\n')
    const after = (await two.result).stdout
    one.write('\n')
    return { one: (await one.result).stdout, two: after }
  }

  const contained = async (argv: string[]) =>
    (await host.start(argv, { ...separate, only: ['ipc'], task: '05.3' })).program
  const apart = await pair(contained)
  expect(apart.two, 'the second container does not find what the first wrote').toBe("found ''\nleft 'two'\n")
  expect(apart.one, 'nor does the second write where the first reads').toBe("found ''\nleft 'one'\n")
  const together = await pair(async (argv) => host.spawn(argv))
  expect(together.two, 'without the namespace it is one segment').toBe("found 'one'\nleft 'two'\n")
  expect(together.one).toBe("found ''\nleft 'two'\n")
})

async function shell(command: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', command])
  expect(stderr).toBe('')
  expect(code, command).toBe(0)
  return stdout.trim()
}

/** The keys in what ipcs(1) printed. */
function keys(text: string): string[] {
  return text.match(/^0x[0-9a-f]{8}/gm) ?? []
}
