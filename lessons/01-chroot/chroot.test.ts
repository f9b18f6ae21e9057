import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { currentTree, type Lab, openLab } from '#given/labs.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'

const ROOTFS = '/run/workshop/rootfs' // its parent is where containers are started: outside of it
const SECRET = '/run/secret' // a file of the host

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson, hostname: 'host' })
  await sh(`echo secret > ${SECRET}; touch ${ROOTFS}/only-in-the-jail`)
})
afterAll(() => host.close())

const sh = (script: string) => host.exec(['sh', '-c', script])
const yours = layer('chroot', currentTree()).file
const ourJail = layer('chroot', 'solutions')
const forgetful = { name: 'forgetful', file: new URL('forgetful.ts', import.meta.url).pathname }

test('01.1 with these files a binary runs in an empty folder, and without any one of them it does not', async () => {
  const files = await host.call<string[]>('libraries', ['/bin/ls'], '01.1')

  const copied = await sh(`mkdir /tmp/by-hand && cp --parents --dereference /bin/ls ${files.join(' ')} /tmp/by-hand`)
  const vdso = 'a name that is no file: ldd(1) also prints addresses, and the vdso, which only the kernel has'
  await expect(copied, vdso).not.toComplain()
  const ls = 'chroot /tmp/by-hand /bin/ls /'
  expect(await sh(ls), 'something is missing: the loader has no arrow in the output of ldd(1)').toMatchObject({
    code: 0,
    stdout: expect.stringContaining('bin'),
  })
  for (const file of files) {
    const without = sh(`cd /tmp/by-hand && mv .${file} kept && ${ls}; code=$?; mv kept .${file}; exit $code`)
    await expect(without, `${file} is not needed by /bin/ls`).not.toEndWith(0)
  }
})

test('01.1 a script has no libraries, and a file that is not there is an error', async () => {
  const script = '/usr/bin/ldd'
  const none = "ldd exits with 1, 'not a dynamic executable': a static binary or a script. That is an answer, no error"
  expect(await host.call('libraries', [script], '01.1').catch((error) => error.message), none).toEqual([])
  const absent = await host.call('libraries', ['/no/such/file'], '01.1').catch((error) => error.message)
  expect(`${absent}`, 'ldd says: No such file or directory. Do not swallow that').toMatch(/no such file/i)
})

test('01.2 programs run in the jail, and see nothing but it', async () => {
  await host.call('buildJail', ['/tmp/jail', ['/bin/sh', '/bin/ls']], '01.2')
  const inside = await host.exec(['chroot', '/tmp/jail', '/bin/sh', '-c', 'ls /; ls /bin'])

  const list = 'each file belongs to the path where it was, its links followed; ldd(1) has the list'
  await expect(inside, list).not.toComplain()
  const [top, bin] = [inside.stdout.split('\n').slice(0, -3), inside.stdout.split('\n').slice(-3, -1)]
  expect(bin, 'the two binaries that were asked for').toEqual(['ls', 'sh'])
  expect(top, 'and their libraries').toEqual(expect.arrayContaining(['bin', expect.stringMatching(/^(lib|usr)/)]))
  expect(top).not.toContain('etc')
})

test('01.2 a jail can be built again, with one program more', async () => {
  await host.call('buildJail', ['/tmp/again', ['/bin/ls']], '01.2')
  const again = await host
    .call('buildJail', ['/tmp/again', ['/bin/ls', '/bin/cat']], '01.2')
    .catch((error) => error.message)

  expect(again ?? 'built', 'a jail may be there already; for EEXIST, mkdirSync takes { recursive: true }').toBe('built')
  await expect(host.exec(['chroot', '/tmp/again', '/bin/cat', '/bin/cat']), 'cat and its libraries').toEndWith(0)
})

test('01.3 only the jail is visible', async () => {
  const script = `ls -a /; [ -e ${SECRET} ] || echo no secret; echo done; exec sleep 60`
  await using box = await host.start(['sh', '-c', script], { task: '01.3' })

  const jail = (await host.exec(['ls', '-a', ROOTFS])).stdout
  await expect(box, 'the command still has the root of the host: chroot(2)').toSay(`${jail}no secret\ndone\n`)
  const root = (await host.exec(['readlink', `/proc/${box.pid}/root`])).stdout.trim()
  expect(root, 'the kernel keeps a root for each process; the host can look it up').toBe(ROOTFS)
})

test('01.3 processes, users and network are not confined', async () => {
  const victim = host.spawn(['sh', '-c', 'echo $$; exec sleep 60'])
  await victim.until(() => victim.stdout.endsWith('\n'), 'the victim had started')
  const pid = victim.stdout.trim()
  const script = [
    'mount -t proc proc /proc', //             root may mount in a jail, and sees the mount of all
    'ps -e -o pid= -o args=',
    `kill ${pid}`,
    'ip address add 192.0.2.1/32 dev lo',
    'touch /made && chown 1234 /made',
    'echo; readlink /proc/self/ns/*',
  ].join('\n')
  const box = await host.run(['sh', '-c', script], { task: '01.3' })
  const look = `mountpoint ${ROOTFS}/proc; ip -o address show dev lo; stat -c 'owner %u' ${ROOTFS}/made; readlink /proc/self/ns/*`
  const outside = await sh(look).finally(() => sh(`umount ${ROOTFS}/proc; ip address del 192.0.2.1/32 dev lo`))

  await expect(box, 'it may do what its caller may: chroot(2) makes no namespace').not.toComplain()
  expect(box.stdout, `ps in the jail shows the process ${pid} of the host`).toMatch(
    new RegExp(`^ *${pid} sleep 60$`, 'm'),
  )
  await expect(victim.result, 'and kill ends it').toEndWith('SIGTERM')
  expect(outside.stdout, 'the mount is in the mount table of the host').toContain(`${ROOTFS}/proc is a mountpoint`)
  expect(outside.stdout, "the address is on the host's interface").toContain('192.0.2.1/32')
  expect(outside.stdout, 'user 1234 inside is user 1234 outside').toContain('owner 1234')
  const namespaces = (text: string) => text.split('\n').filter((line) => /^\w+:\[/.test(line))
  expect(namespaces(box.stdout), 'chroot(2) makes no namespace').toEqual(namespaces(outside.stdout))
})

test('01.4 the working directory is in the jail, and `..` does not lead out', async () => {
  const script = `cat ../secret ..${SECRET} 2>/dev/null; [ . -ef / ] && echo in the jail`
  const box = await host.run(['sh', '-c', script], { cwd: '.', task: '01.4' })
  const why =
    'it walked out and read a file of the host: chroot(2) leaves the working directory where it was, see chdir(2)'
  expect(box.stdout, why).not.toContain('secret')
  await expect(box, 'after chroot(2) the jail is called /').toSay('in the jail\n')

  const caught = await host.run(['sh', '-c', script], { only: [], extra: [forgetful], cwd: '.' })
  expect(caught.stdout, 'without chdir(2) one reads a file of the host').toBe('secret\n')
})

test('01.4 chroot(1) makes the same two calls, and with --userspec a third', async () => {
  const command = ['sh', '-c', 'pwd; ls ..; id -u']
  const box = await host.run(command, { cwd: '.', task: '01.4' })
  const tool = await host.exec(['chroot', '--userspec=65534:65534', ROOTFS, ...command])

  await expect(box, 'a shell that stands outside of its root cannot say where it is: chdir(2)').not.toComplain()
  expect(tool.stdout, 'the same root, the same folder, another user').toBe(box.stdout.replace(/0\n$/, '65534\n'))
  expect(tool.stdout).toMatch(/^\/\n(.*\n)*only-in-the-jail/)
})

test('01.5 a second chroot leads out of the first', async () => {
  const extra = [ourJail, { name: 'escapee', file: yours }]
  const command = ['sh', '-c', `cat ${SECRET}; stat -c %d:%i /`]
  const box = await host.run(command, { only: [], extra, task: '01.5' })
  const root = await host.exec(['stat', '-c', '%d:%i', '/'])

  const why =
    'still inside. Stand above the root, climb until there is no more above, and make that the root: chroot(2)'
  await expect(box, why).toSay(`secret\n${root.stdout}`) // and the folder that is the host's root
})

test('01.5 without CAP_SYS_CHROOT there is no way out', async () => {
  const call = [new URL('../00-foundation/given/call.ts', import.meta.url).pathname, yours, 'escape', '[]', '01.5']
  const powerless = 'cd /tmp && exec setpriv --bounding-set=-sys_chroot "$@"'
  const program = host.spawn(['sh', '-c', powerless, 'sh', process.execPath, '--no-warnings', ...call])
  await program.result

  const { error } = JSON.parse(program.reports[0] ?? '{}')
  const why =
    'the kernel refuses chroot(2) itself, and escape() must not hide it. Is it mkdir(2) that fails? / is read-only in ' +
    'this check, so make your folder where you stand, by a relative path'
  await expect(error, why).toBeRefused('chroot(2)', 'EPERM')
})
