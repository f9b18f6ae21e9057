import { realpathSync } from 'node:fs'
import { parse, relative } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type BoxOptions, currentTree, type Lab, openLab, type Result } from '#given/labs.ts'
import { CLONE_NEWNET, CLONE_NEWNS } from '#given/libc.ts'
import type { Volume } from '#given/mechanism.ts'
import { ROOTFS } from '#given/rootfs.ts'
import { snapshot } from '#given/snapshot.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'

/** A file that only the host has. Whoever reads it is not in the container. */
const SECRET = '/run/secret'
/** A folder of the host that an image would like to see filled, or mounted over. */
const VICTIM = '/run/victim'

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson })
  await sh(`echo 'you are on the host' > ${SECRET}
    mkdir -p ${VICTIM} /run/volume/below; mount -t tmpfs below /run/volume/below
    echo from the host > /run/volume/file; echo deep > /run/volume/below/file`)
})
afterAll(() => host?.close())

test('03.1 a new mount namespace is a copy of all mounts, and yours is cut off from the original', async () => {
  const { file } = layer('mount', currentTree())
  const code = `import { makePrivate } from '${file}'
    export const copy = { name: 'copy', flags: ${CLONE_NEWNS}, inside: makePrivate }`
  await sh('cat > /tmp/copy.mjs', code)
  const options = { only: [], extra: [{ name: 'copy', file: '/tmp/copy.mjs' }], task: '03.1' }
  const copy = await host.run(['cat', '/proc/self/mountinfo'], options)
  // What cannot be loaded is the learner's file, not the one that imports it.
  const stderr = copy.stderr.replace('/tmp/copy.mjs', relative(process.cwd(), file))
  await expect({ ...copy, stderr }).not.toComplain()

  const both = [targets(copy.stdout), targets(await table(host))].map((list) => list.sort())
  expect(both[0], 'before the first mount of its own, the container has the same mounts as the host').toEqual(both[1])
  const tied = copy.stdout.split('\n').filter((line) => / (shared|master):/.test(line))
  expect(
    targets(tied.join('\n')),
    'these are still tied to the host (shared: both ways, master: from the host to you). ' +
      'MS_PRIVATE cuts the tie, MS_REC for all mounts below / too: mount(2), mount_namespaces(7) "Shared subtrees"',
  ).toEqual([])
})

test('03.1 what the container mounts is not on the host, what the host mounts later is not in the container', async () => {
  await using own = await openLab({ lesson }) // a leak would spoil the other checks
  const before = await snapshot(own)
  const box = await own.start(['sleep', '60'], { task: '03.1' }).catch((error: Error) => error)
  if (box instanceof Error && box.message.includes('not written yet')) throw box

  const leaked =
    "your container's mounts are on the host too! The copied mounts are peers of the host's, " +
    'until MS_REC | MS_PRIVATE cuts them off: mount_namespaces(7)'
  await expect(box, leaked).toLeaveTheHostUntouched(before)
  if (box instanceof Error) throw box

  await own.exec(['mount', '-t', 'tmpfs', 'later', `${LAB_ROOTFS}/mnt`])
  expect(await table(own)).toContain('later')
  const inside = await own.read(`/proc/${box.pid}/mountinfo`)
  const why = "the host's mounts still reach the container: MS_SLAVE lets them in, MS_PRIVATE does not"
  expect(inside, why).not.toContain('later')
  await box.stop()
})

test('03.2 nothing of the host is left: not above, not behind, not in an open descriptor', async () => {
  const ways = ['', '/..', '.', ...up('./'), '/proc/1/root', '/proc/1/cwd', '/proc/self/cwd']
  const script = `exec 2>&-
    for way in ${ways.join(' ')}; do { cat $way${SECRET} || cat $way/secret; } && echo "by way of $way"; done
    for fd in /proc/1/fd/*; do
      for above in ${up('').join(' ')}; do [ -e $fd/$above/package.json ] && echo "on the host by way of $fd/$above"; done
    done
    pwd -P; cat /proc/self/mountinfo`
  // A root that is a mere folder: no mount lies there before yours. And an init: it is pid 1, and stays Node.
  const rootfs = await folderAsRoot()
  const options: BoxOptions = { only: ['pid', 'mount'], rootfs, cwd: '.', init: true, task: '03.2' }
  const box = await host.run(['sh', '-c', script], options)
  const hint =
    'pivot_root(2) EINVAL: rootfs is no mount, so bind it on itself first, and go there, since "." is where you stand; ' +
    'or the mounts are still shared, 03.1. ' +
    'umount2(2) EBUSY: the old root is in use, so MNT_DETACH'
  await expect(box, hint).toReachItsCommand()

  const why = 'the container reached the host! The old root is not unmounted, or the working directory is still there'
  expect(box.stdout, why).not.toContain('on the host')
  const [cwd, ...mountinfo] = box.stdout.split('\n')
  expect(cwd, 'the working directory is still outside: process.chdir("/")').toBe('/')
  const mounted = targets(mountinfo.join('\n'))
  expect(mounted, 'there is no /proc: the mounts below rootfs have to come along, MS_BIND | MS_REC').not.toEqual([])
  const roots = mounted.filter((target) => target === '/')
  expect(roots.length, 'no mount is your root, only a folder: chroot(2) does that, use pivot_root(2)').not.toBe(0)
  expect(roots.length, 'the old root is still there, on top of yours: umount2(2) with MNT_DETACH').toBe(1)
  const foreign = mounted.filter((target) => !/^\/($|proc$|sys$|dev($|\/))/.test(target))
  expect(foreign, 'mounts of the host are left in the container').toEqual([])
})

test('03.2 the double chroot of lesson 01 finds no way out', async () => {
  const escapee = { name: 'escapee', file: layer('chroot', 'solutions').file }
  const command = ['sh', '-c', `rm -rf /way-out ${LAB_ROOTFS}/way-out; cat ${SECRET}`]
  const box = await host.run(command, { extra: [escapee], task: '03.2' })
  await expect(box).toReachItsCommand()
  const why = 'it got out of yours as well: chroot(2) keeps the old root, pivot_root(2) lets you unmount it'
  expect(box.stdout, why).toBe('')
  expect(box.stderr, `${SECRET} is a file of the host`).toBe(`cat: ${SECRET}: No such file or directory\n`)

  const jail = await host.run(command, { only: ['chroot'], extra: [escapee] })
  expect(jail.stdout, 'out of a chroot it gets').toBe('you are on the host\n')
})

test('03.3 /proc shows the container and nothing else; /sys is its own, and read-only', async () => {
  await host.exec(['ip', 'link', 'set', 'lo', 'alias', 'of-the-host'])
  const script = `
    stat -f -c %T /proc; stat -f -c %T /sys; echo /proc/[0-9]*
    echo $(cat /sys/class/net/lo/ifalias); echo x > /sys/class/net/lo/ifalias
    grep -E ' /(proc|sys) ' /proc/self/mountinfo`
  // With a network namespace, since a sysfs shows the one in which it was mounted: so one can tell whose it is.
  const flags = { mount: CLONE_NEWNS | CLONE_NEWNET }
  const box = await host.run(['sh', '-c', script], { only: ['pid', 'mount'], flags, task: '03.3' })
  await expect(box).toReachItsCommand()

  const [proc, sys, processes, alias, ...mounted] = box.stdout.split('\n')
  expect(
    proc,
    `/proc is not a procfs: mount(2) with the type proc, and enterRoot has to bring it along, MS_REC\n${box.stderr}`,
  ).toBe('proc')
  expect(sys, `/sys is not a sysfs: mount(2) with the type sysfs\n${box.stderr}`).toBe('sysfs')
  const whose = "/proc shows the host's processes: a new procfs shows the pid namespace of the one who mounts it"
  expect(processes, whose).toBe('/proc/1')
  expect(alias, "/sys shows the host's network, so it is the host's sysfs").toBe('')
  const writable = 'root in the container could write to the kernel through /sys: MS_RDONLY'
  await expect(box, writable).toComplain('Read-only file system')
  for (const line of mounted.filter(Boolean)) {
    const options = line.split(' ')[5]?.split(',')
    const why = `neither holds programs or devices, so MS_NOSUID, MS_NODEV, MS_NOEXEC: ${line}`
    expect(options, why).toEqual(expect.arrayContaining(['nosuid', 'nodev', 'noexec']))
  }
})

test('03.3 an image whose /proc is a symbolic link is refused', async () => {
  const rootfs = await image('linked-proc', `ln -s ${VICTIM} proc`)
  const box = await host.run(['true'], { rootfs, verbose: true, task: '03.3' })
  await expectRefusal(box, '/proc is a symbolic link in the image')
})

test('03.4 the devices work, and there are no others', async () => {
  await sh('mknod /dev/of-the-host c 1 3')
  const script = `
    echo lost > /dev/null && echo null $(wc -c < /dev/null)
    echo zero $(head -c 3 /dev/zero | tr '\\0' z)
    echo random $(head -c 9 /dev/random | wc -c) $(head -c 9 /dev/urandom | wc -c)
    echo full $(cat /proc/self/mountinfo 2>&1 > /dev/full | grep -o 'No space.*')
    echo tty $( (: < /dev/tty) 2>&1 | grep -o 'No such device or address')
    echo fd $(echo stdin | cat /dev/stdin) $( (echo stderr > /dev/stderr) 2>&1 | cat)
    echo $(stat -c '%n=%t:%T' ${['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`).join(' ')})
    cd /dev; echo *; touch /dev/mine`
  const box = await host.run(['sh', '-c', script], { task: '03.4' })
  const hint =
    '"Permission denied" for a device: it lies on a mount with MS_NODEV. "No such file": linkDevices(). EINVAL of ' +
    'mount_setattr(2), EEXIST of symlink(2): you still have the place below your mount, ask mountPoint() again'
  await expect(box, hint).not.toComplain()
  const lines = box.stdout.trimEnd().split('\n')
  const names = "an empty tmpfs, and in it only what you put there: no device of the host's beyond DEVICES"
  expect(lines.pop(), names).toBe('fd full null ptmx pts random shm stderr stdin stdout tty urandom zero')

  expect(lines, 'null(4), full(4), random(4), tty(4)').toEqual([
    'null 0',
    'zero zzz',
    'random 9 9',
    'full No space left on device',
    'tty No such device or address', // it is there; this container has no terminal
    'fd stdin stderr',
    '/dev/null=1:3 /dev/zero=1:5 /dev/full=1:7 /dev/random=1:8 /dev/urandom=1:9 /dev/tty=5:0',
  ])
  const outside = await sh(`ls /dev ${LAB_ROOTFS}/dev`)
  const why = 'what the container makes in /dev is on the host, or in the image: a tmpfs would keep it'
  expect(outside, why).not.toContain('mine')
})

test('03.4 terminals and shared memory are its own', async () => {
  const script = `
    exec 3<>/dev/ptmx; echo $(ls /dev/pts) $(stat -c %a /dev/pts/ptmx)
    echo box > /dev/shm/ours; echo $(ls /dev/shm)
    exec sleep 60`
  await sh('echo host > /dev/shm/theirs')
  await using box = await host.start(['sh', '-c', script], { task: '03.4' })
  await box.program.until(() => box.program.stdout.split('\n').length > 2, 'it had opened a terminal')

  const seen = box.program.stdout.split('\n')
  const open = "a terminal 0, which anybody may open (mode 666: terminalOptions()), and no file of the host's /dev/shm"
  expect(seen, open).toEqual(['0 ptmx 666', 'ours', ''])
  expect(await sh('ls /dev/pts'), "the container's terminal is on the host: mount a devpts of its own").toBe('ptmx\n')
  expect(await sh('ls /dev/shm'), "the container's shared memory is on the host: mount a tmpfs").toBe('theirs\n')
  const why = 'a tmpfs without a size takes half of the memory, for one container: size=64m'
  const big = host.exec(['fallocate', '--length', '70000000', `/proc/${box.pid}/root/dev/shm/big`])
  await expect(big, why).toComplain('No space left on device')
})

test("03.4 the mode of the host's devices is out of reach", async () => {
  // The lab's /dev/null is read-only already. This one is not.
  await sh('mknod -m 666 /dev/new c 1 3 && mount --bind /dev/new /dev/null')
  const box = await host.run(['sh', '-c', 'chmod 000 /dev/null; echo x > /dev/null && echo works'], { task: '03.4' })
  const mode = await sh('stat -c %a /dev/null; umount -l /dev/null')
  await expect(box).toReachItsCommand()

  const why =
    "the container locked the host's /dev/null! What is bound is the host's own file, with its mode: readOnly()"
  expect(mode, why).toBe('666\n')
  expect(box.stdout, 'a device on a read-only mount can be written all the same').toBe('works\n')
})

test('03.4 an image whose /dev is a symbolic link is refused', async () => {
  const links = { absolute: VICTIM, relative: '../../victim' }
  for (const [name, link] of Object.entries(links)) {
    const rootfs = await image(`linked-dev-${name}`, `mkdir proc sys; ln -s ${link} dev`)
    const box = await host.run(['true'], { rootfs, verbose: true, task: '03.4' })
    await expectRefusal(box, '/dev is a symbolic link in the image')
  }
})

const folder: Volume = { source: '/run/volume', target: '/data/here', kind: 'folder', readonly: false }
const file: Volume = { source: '/run/volume/file', target: '/etc/made-for-it', kind: 'file', readonly: false }

test('03.5 a folder and a file of the host are in the container, and what it writes is on the host', async () => {
  await sh(`mkfifo ${LAB_ROOTFS}/fifo`) // opened to be read, it would block: a place is opened with O_PATH
  const volumes = [folder, file, { ...file, target: '/fifo' }]
  const script =
    '[ -f /fifo ] && cat /fifo; cat /data/here/below/file; echo box > /data/here/new; echo changed > /etc/made-for-it'
  const box = await host.run(['sh', '-c', script], { volumes, task: '03.5' })

  await expect(box, 'the folder, and what is mounted below it: MS_BIND | MS_REC').toSay('from the host\ndeep\n')
  const written = await sh('cat /run/volume/new /run/volume/file 2>&1 || true')
  expect(written, 'what the container writes must be on the host').toBe('box\nchanged\n')
})

test('03.5 a read-only volume refuses every write, and only in the container', async () => {
  const volumes = [folder, file].map((volume) => ({ ...volume, readonly: true }))
  const script = `
    for file in /data/here/x /data/here/below/x /etc/made-for-it; do if echo box >> $file; then echo "wrote $file"; fi; done
    echo done; exec sleep 60`
  await using box = await host.start(['sh', '-c', script], { volumes, task: '03.5' })
  await box.program.until(() => box.program.stdout.includes('done\n'), 'it had tried to write')

  const why =
    'the container wrote to a read-only volume. Beside MS_BIND the kernel ignores MS_RDONLY, so it needs a second call; ' +
    'and a remount changes the top mount only, readOnly() those below as well: mount_setattr(2)'
  expect(box.program.stdout, why).toBe('done\n')
  expect(box.program.stderr.match(/Read-only file system/g), 'EROFS for each').toHaveLength(3)
  expect(await sh('echo host > /run/volume/x && cat /run/volume/x'), 'the host may write as before').toBe('host\n')
})

test('03.5 a target behind a symbolic link is refused, and nothing is made there', async () => {
  const links = `mkdir proc sys dev real; ln -s ${VICTIM} link; ln -s ${VICTIM}/file real/file`
  const rootfs = await image('linked-volume', links)
  const cases: [Volume, string][] = [
    [{ ...folder, target: '/link/sub' }, '/link is a symbolic link in the image'],
    [{ ...file, target: '/link/file' }, '/link is a symbolic link in the image'],
    [{ ...file, target: '/real/file' }, '/real/file is a symbolic link in the image'],
  ]
  for (const [volume, sentence] of cases) {
    const box = await host.run(['true'], { rootfs, volumes: [volume], verbose: true, task: '03.5' })
    await expectRefusal(box, sentence)
  }
  expect(await sh(`ls -A ${VICTIM}`), "the image had something made in the host's folder").toBe('')
})

test('03.5 a target that cannot be is told in words', async () => {
  const rootfs = await image('odd', 'mkdir proc sys dev folder; echo > file')
  const cases: [Volume, string][] = [
    [{ ...folder, target: '/file/sub' }, '/file in the image is no folder'],
    [{ ...file, target: '/folder' }, '/folder in the image is a folder'],
    [{ ...folder, target: '/folder/..' }, 'would cover all of it'],
  ]
  for (const [volume, sentence] of cases)
    await expect(host.run(['true'], { rootfs, volumes: [volume], task: '03.5' })).toComplain(sentence)
})

/** Runs a line of shell on the host. */
async function sh(script: string, input = ''): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script], { input })
  expect(code, stderr).toBe(0)
  return stdout
}

const table = (lab: Lab) => lab.read('/proc/self/mountinfo')

/** Where the mounts of a mountinfo are: proc_pid_mountinfo(5). */
function targets(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
}

/** `..`, `../..` and so on: further up than any folder here is deep. */
function up(from: string): string[] {
  return Array.from(
    { length: 8 },
    (_, i) =>
      from +
      Array(i + 1)
        .fill('..')
        .join('/'),
  )
}

/** A root of an image that somebody else made, on the host. */
async function image(name: string, script: string): Promise<string> {
  const path = `/run/images/${name}`
  await sh(`mkdir -p ${path}; cd ${path}; ${script}`)
  return path
}

/** A root to which one may write, as a folder of a mount: of all that lies beside the root file system. */
async function folderAsRoot(): Promise<string> {
  const { dir, base } = parse(realpathSync(ROOTFS))
  await sh(`mkdir -p /run/beside /run/beside-upper /run/beside-work
    mount -t overlay -o lowerdir=${dir},upperdir=/run/beside-upper,workdir=/run/beside-work beside /run/beside`)
  return `/run/beside/${base}`
}

/** The container was refused, and nothing was mounted through the link: `verbose` shows each call. */
async function expectRefusal({ stdout, stderr, code }: Result, sentence: string): Promise<void> {
  const why = 'the image leads to a folder of the host, and you followed: mountPoint() opens no symbolic link'
  const trace = /^(engine|child|init) .*\n/gm
  const box = { stdout, stderr: stderr.replace(trace, ''), code }
  await expect(box, why).toComplain(sentence)
  await expect(box, 'an error of the engine, as Docker counts them').toEndWith(125)
  const link = sentence.split(' ')[0]
  const through = new RegExp(`mount\\(.*"/run/images/[^"]*${link}[/"].* = 0`)
  const mounted = (stderr.match(trace) ?? []).filter((call) => through.test(call))
  expect(mounted, 'it was refused, but before that you mounted by a path through the link').toEqual([])
}
