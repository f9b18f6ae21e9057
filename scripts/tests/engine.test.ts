import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'
import { bind, exitCode, mount, SyscallError, umount2 } from '#given/libc.ts'
import type { Layer } from '#given/stack.ts'

let host: Lab
beforeAll(async () => {
  host = await openLab()
})
// And what is written down of a container that could not clean up: the next one would try it again.
afterEach(() => host.exec(['rm', '-rf', '/run/diary', '/run/container-workshop']))
afterAll(() => host?.close())

const fixture = (file: string, name: string): Layer => ({
  name,
  file: new URL(`fixtures/${file}.ts`, import.meta.url).pathname,
})
const diary = () => host.read('/run/diary')

test('outside runs when the init is there, inside before the command, cleanup after its end', async () => {
  await host.run(['true'], { only: [], extra: [fixture('diary', 'diary')] })
  expect(await diary()).toBe('outside, while the child is init.ts\ninside, before true\ncleanup\n')
})

test('an outside that fails ends the container, and what was done is undone, last first', async () => {
  const extra = [fixture('diary', 'diary'), fixture('diary', 'stumble')]
  const { code, stderr } = await host.run(['echo', 'it ran'], { only: ['pid'], extra })
  expect(code).toBe(125)
  expect(stderr).toContain('stumbled')
  expect(await diary()).toBe('outside, while the child is init.ts\ncleanup of stumble\ncleanup\n')
  const inits = (await host.exec(['ps', '-e', '-o', 'pid=,args='])).stdout.match(/^ *\d+ .*given\/init\.ts/gm) ?? []
  expect(
    inits.map((line) => Number.parseInt(line, 10)),
    "the lab's own alone",
  ).toEqual([1])
})

test('a cleanup that fails keeps no other from its work, and is told', async () => {
  const { code, stderr } = await host.run(['true'], {
    only: [],
    extra: [fixture('diary', 'diary'), fixture('diary', 'litter')],
  })
  expect(code).toBe(125)
  expect(stderr).toContain('could not clean up')
  expect(await diary()).toContain('cleanup\n')
})

test('a child in a user namespace waits for its maps: it is root there, with all capabilities, and 1000 outside', async () => {
  const look = 'id -u; grep CapEff /proc/self/status; hostname'
  const options = { only: ['uts'], extra: [fixture('user', 'user')], hostname: 'mapped' }
  const { stdout, stderr } = await host.run(['sh', '-c', look], options)
  expect(stderr).toBe('')
  const [uid, capabilities = '', hostname] = stdout.split('\n')
  expect(uid).toBe('0')
  expect(BigInt(`0x${capabilities.split('\t')[1]}`), 'all that this kernel has').toBeGreaterThan(0x1ffffffffn)
  expect(hostname, 'sethostname(2) wants CAP_SYS_ADMIN in the user namespace that owns the name').toBe('mapped')

  await using box = await host.start(['sleep', '60'], options)
  expect((await host.exec(['ps', '-o', 'uid=', '-p', String(box.pid)])).stdout.trim()).toBe('1000')
})

test('a failed call says which, on what, and why', () => {
  expect(() => mount('none', '/no/such/folder', 'tmpfs', 0, null)).toThrow(
    expect.objectContaining({
      name: 'SyscallError',
      code: 'ENOENT',
      errno: 2,
      call: 'mount',
      message: 'mount(2) on /no/such/folder: ENOENT, no such file or directory',
      detail: 'mount("none", "/no/such/folder", "tmpfs", 0, NULL)',
    }),
  )
  expect(() => umount2('/', 0xffff)).toThrow(SyscallError)
})

test('bind() takes a prototype as a man page has it, and nothing else', () => {
  expect(bind('pid_t getppid(void)')()).toBe(process.ppid)
  const access = bind('int access(const char path[.len], int mode);') // as newer man pages write it
  expect(access('/', 0)).toBe(0)
  expect(() => access('/no/such/file', 0)).toThrow('access(2) on /no/such/file: ENOENT')
  expect(() => bind('getppid')).toThrow('not a C prototype')
  expect(() => bind('int no_such_function(int fd)')(1)).toThrow('no_such_function')
})

test('a wait status becomes an exit code as a shell has it', () => {
  expect([0, 7 << 8, 9, 15 | 0x80].map(exitCode)).toEqual([0, 7, 137, 143])
})
