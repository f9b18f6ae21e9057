import { $ } from 'zx'
import { type BoxOptions, currentTree, here } from '#given/labs.ts'
import { compare, heading, type Row, say, table } from '#given/show.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'

await using host = await here(lesson)
const full: BoxOptions = { only: ['mount', 'ipc'] }
const shared: BoxOptions = { ...full, flags: { ipc: 0 } }

heading('Made on the host: one of each kind. How many are there?')
await $`ipcmk -M 4096 && ipcmk -S 1 && ipcmk -Q && touch /dev/mqueue/orders`.quiet()
const counts: [label: string, script: string][] = [
  ['shared memory', 'ipcs -m | grep -c ^0x'],
  ['semaphores', 'ipcs -s | grep -c ^0x'],
  ['message queues', 'ipcs -q | grep -c ^0x'],
  ['POSIX queues', 'ls /dev/mqueue | wc -l'],
]
const count = counts.map(([, script]) => script).join('; ')
const onHost = await $({ nothrow: true })`sh -c ${count}`.lines()
const inBox = await lines(['sh', '-c', count], full)
compare([
  ...counts.map(([label], i): Row => [label, onHost[i] ?? '', inBox[i] ?? '', 'its own']),
  [
    'ns/ipc',
    (await host.namespaces('self')).ipc,
    (await lines(['readlink', '/proc/self/ns/ipc'], full))[0] ?? '',
    'its own',
  ],
])
say(
  `Again without CLONE_NEWIPC: ${(await lines(['sh', '-c', count], shared)).slice(0, 3).join(', ')}. They are the host's.`,
)

heading("Two containers, one key: the first writes 'one', then the second writes 'two'")
const memory = new URL('memory.ts', import.meta.url).pathname
const { file } = layer('ipc', currentTree())
const pair = async (key: string, options: BoxOptions) => {
  const command = [process.execPath, '--no-warnings', memory, file, key]
  await using one = await host.start([...command, 'one'], options)
  await one.program.until(() => one.program.stdout.includes('found'), 'it had found its segment')
  const second = await lines([...command, 'two'], options)
  one.program.write('\n')
  const first = (await one.program.result).stdout.trim().split('\n')
  return [...first, ...second].map((line) => line.split(' ')[1] ?? '')
}
const [apart, together] = await Promise.all([
  pair('7', { only: ['ipc'] }),
  pair('8', { only: ['ipc'], flags: { ipc: 0 } }),
])
table(
  ['', 'first found', 'and has', 'second found', 'and has'],
  [
    ['two namespaces', ...apart],
    ['no CLONE_NEWIPC', ...together],
  ],
)

heading('Limits: the container sets its own to 4096, then both want 8192 bytes')
const want = 'ipcmk -M 8192 >/dev/null 2>&1 && echo granted || echo EINVAL'
const limits = ['kernel/shmmax', 'kernel/msgmax', 'fs/mqueue/msg_max'].map((name) => `/proc/sys/${name}`)
const lower = `echo 4096 > ${limits[0]}; echo 4096 > ${limits[1]}; echo 7 > ${limits[2]}`
const theirs = await lines(['sh', '-c', `${lower}; cat ${limits.join(' ')}; ${want}`], full)
const ours = await $`sh -c ${`cat ${limits.join(' ')}; ${want}`}`.lines()
compare(
  [...limits, 'ipcmk -M 8192'].map(
    (label, i): Row => [label.replace('/proc/sys/', ''), ours[i] ?? '', theirs[i] ?? '', 'its own'],
  ),
)

heading('What is not IPC to the kernel: an abstract Unix socket on the host')
const server = `require('net').createServer((c) => c.end('hello')).listen('\\0workshop', () => console.log('up'))`
const client = `require('net').connect('\\0workshop').on('data', (d) => console.log(d + '')).on('error', (e) => console.log(e.code))`
const serving = $`${process.execPath} -e ${server}`.nothrow()
for await (const _ of serving) break // it has said that it is up
const ask = [process.execPath, '-e', client]
table(
  ['the container asks', 'and gets'],
  [
    ['with an IPC namespace of its own', ...(await lines(ask, { only: ['ipc'] }))],
    ['with a network namespace as well', ...(await lines(['unshare', '--net', ...ask], { only: ['ipc'] }))],
  ],
)
await serving.kill()

async function lines(argv: string[], options: BoxOptions): Promise<string[]> {
  const { stdout, stderr } = await host.run(argv, options)
  return (stdout + stderr).trim().split('\n')
}
