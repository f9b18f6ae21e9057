import { closeSync, openSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bind } from '#given/libc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { running } from '#given/running.ts'
import { layer } from '#given/stack.ts'
import { cloneCommand } from '../../lessons/11-box/given/joining.ts'
import { result, type Start, start, until } from './boxes.ts'
import { Container, commands, container, pidsIn, rightsOf } from './execs.ts'

// What a container does to get at the host when somebody executes a second command in it.

const tools = layer('box', 'solutions').file

/** A program of the image's that is a script. */
const TOOL =
  'mkdir -p /usr/local/bin; cd /usr/local/bin; printf "#!/bin/sh\nexec /bin/sleep 600\n" > tool; chmod +x tool'

/** One for all tests, which leave it as it is. */
let first: Container
beforeAll(async () => {
  ensureRootfs()
  first = await container([], 'exec sleep 600', TOOL)
})
afterAll(() => first?.[Symbol.asyncDispose]())

test('no descriptor, no environment, no session, no Node', async () => {
  const folder = openSync('/etc', 'r')
  const stdio: Start['stdio'] = ['pipe', 'pipe', 'pipe', folder, folder, folder, folder]
  const script = 'ls -l /proc/self/fd; tr "\\0" "\\n" < /proc/self/environ; cut -d" " -f4,5,6 /proc/$$/stat; echo $$'
  const { stdout, code } = await first
    .exec([first.name, '--', 'sh', '-c', script], {
      stdio,
      env: { SECRET: 'of the host' },
    })
    .finally(() => closeSync(folder))
  expect(code).toBe(0)
  const links = stdout.split('\n').flatMap((line) => line.match(/ -> (.*)/)?.[1] ?? [])
  expect(links.filter((link) => !/^(pipe|socket):|^\/proc\/\d+\/fd$/.test(link))).toEqual([])
  expect(links).toHaveLength(4) // the standard streams, and ls's own
  expect(stdout).not.toMatch(/SECRET|NODE|node/)
  const [ids = '', own = ''] = stdout.trim().split('\n').slice(-2)
  expect(ids, 'its parent is out of sight; it leads a group and a session').toBe(`0 ${own} ${own}`)
})

test('no folder as a standard stream or as the working directory', async () => {
  const folder = openSync('/etc', 'r')
  try {
    const stream = start(['--reference', first.name, 'true'], { verb: 'exec', stdio: [folder, 'pipe', 'pipe'] })
    expect(await result(stream)).toMatchObject({ code: 125, stderr: expect.stringContaining('a way out') })
    const six: Start['stdio'] = ['pipe', 'pipe', 'pipe', folder, folder, folder]
    for (const path of ['/proc/self/fd/3', '/proc/self/fd/5', `/proc/1/fd/5`, '/proc/thread-self/cwd']) {
      const child = start(['--reference', '-w', path, first.name, 'ls'], { verb: 'exec', stdio: six })
      expect(await result(child), path).toMatchObject({ code: 125, stdout: '' })
    }
  } finally {
    closeSync(folder)
  }
})

test('the command is a Node before it is itself, and nobody in the container can look into that', async () => {
  const { command, channel } = await cloneCommand({ entry: first.entry, argv: ['true'], tools })
  const { pid } = command.container
  expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('koffi')
  expect(isReadOnly(process.execPath), 'where it lies, it is not on a read-only mount').toBe(false)
  expect(isReadOnly(`/proc/${pid}/exe`), 'which is how it can be come by through #!/proc/self/exe').toBe(true)
  const inside = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:.*\t(\d+)$/m)?.[1]
  const look = `kill -0 ${inside} || exit; cd /proc/${inside} || exit; echo $(cat cmdline | tr '\\0' ' ') $(ls fd)
    for f in exe cwd root ns/mnt fd/0 fd/3; do readlink $f; done; cat environ; cat maps`
  const { stdout, stderr } = await first.sh(look)
  expect(stdout, 'its name, its descriptors, and nothing else').toBe('box exec 0 1 2 3\n')
  expect(stderr).toMatch(/environ: Permission denied\n.*maps: Permission denied/)
  closeSync(channel) // as if box exec had been killed: it has no path, and ends
  expect(await command.wait()).toBe(127)
})

test('in a user namespace, too, the Node that can be come by through #!/proc/self/exe lies on a read-only mount', async () => {
  await using mapped = await container(['--userns'])
  const { command, channel } = await cloneCommand({ entry: mapped.entry, argv: ['true'], tools })
  expect(isReadOnly(`/proc/${command.container.pid}/exe`)).toBe(true)
  closeSync(channel)
  await command.wait()
})

test('a shell in place of a program of the image runs as weak as all others', async () => {
  const child = start(['--reference', first.name, 'tool'], { verb: 'exec' })
  await until(() => commands(first).filter((name) => name === 'sleep').length === 2, 'it sleeps')
  const [second] = pidsIn(first).filter((pid) => pid !== first.pid)
  expect(rightsOf(second ?? 0)).toEqual(rightsOf(first.pid))
  child.kill('SIGKILL')
  await until(() => commands(first).length === 1, 'it is killed')
})

test('exec at once waits for the container, and never sees the root of the host', async () => {
  const tries = Math.max(2, Math.ceil(3 * Number(process.env.WORKSHOP_LOAD ?? 1)))
  for (let i = 0; i < tries; i++) {
    await using young = new Container([], 'exec sleep 600')
    await until(() => running().some(({ container }) => container.spec.name === young.name), 'its first process')
    const { stdout, code } = await young.sh(
      'grep ^ID= /etc/os-release; cat /proc/1/comm; grep -c "/proc/sys " /proc/mounts',
    )
    const [id, ...rest] = stdout.split('\n')
    expect(code).toBe(0)
    expect(id).not.toBe(readFileSync('/etc/os-release', 'utf8').match(/^ID=.*$/m)?.[0])
    expect(rest).toEqual(['sleep', '1', ''])
  }
})

const statfs = bind('int statfs(const char *path, void *buf)')

/** Can nothing be written by this path, whatever the mode and the owner of the file? f_flags of a struct statfs. */
function isReadOnly(path: string): boolean {
  const buffer = new BigInt64Array(15)
  statfs(path, buffer)
  return ((buffer[10] ?? 0n) & 1n) === 1n // ST_RDONLY
}
