import { afterAll, beforeAll, test } from 'vitest'
import { olderThan } from '#given/kernel.ts'
import { type Box, type BoxOptions, type Lab, openLab } from '#given/labs.ts'
import { ROOTFS } from '#given/spec.ts'
import { unionOf } from '#given/union.ts'
import { lesson } from './lesson.ts'

/** Layers that are made here, on the mount of CONTAINERS. Below them all is the root file system of the workshop. */
const LAYERS = '/run/private/layers'
const [one, two] = [`${LAYERS}/one`, `${LAYERS}/two`]
const ODD = `${LAYERS}/a:b,c\\d`
const many = Array.from({ length: 60 }, (_, i) => `${LAYERS}/many/${'0'.repeat(64)}${i + 1}`)
/**
 * Where the containers of these checks have what they change: what is mounted there the host does not get, even where that
 * was forgotten. Only the check that is about it has them on a shared mount, as the host has elsewhere.
 */
const CONTAINERS = '/run/private/containers'
const SHARED = '/run/shared'

let host: Lab
beforeAll(async () => {
  host = await openLab({ lesson })
  await sh(`
    set -e
    mkdir /run/private; mount -t tmpfs -o mode=755 private /run/private; mount --make-private /run/private
    mkdir -p ${one}/etc/conf ${one}/srv/old ${two}/etc ${two}/srv '${ODD}/srv'
    cd ${one}; echo 'hello from one' > etc/motd; echo one > srv/one; echo o > srv/old/a; echo setting > etc/conf/a
    cd ${two}; echo two > srv/two; echo 'and now from two' > etc/motd
    echo odd > '${ODD}/srv/odd'
    mkdir -p ${many.map((layer) => `${layer}/srv`).join(' ')}; for layer in ${LAYERS}/many/*; do : > $layer/srv/\${layer##*/}; done
    printf 'a\\200b\\0' > /run/binary; : > /run/empty; head -c 3000001 /dev/urandom > /run/large; cp /run/large /run/again; { cat /run/large; echo; } > /run/more`)
})
afterAll(() => host?.close())

test.concurrent('10.1 the digest of a layer is what sha256sum says of the file', async ({ expect }) => {
  const files = ['/run/empty', '/run/binary', '/run/large', '/run/again', '/run/more']
  const sums = (await sh(`sha256sum ${files.join(' ')}`)).split('\n').map((line) => `sha256:${line.split(' ')[0]}`)
  const own = await host.callEach<string>(
    'digest',
    files.map((file) => [file]),
    '10.1',
  )
  for (const [i, file] of files.entries())
    expect(own[i], `sha256: and 64 digits, of the bytes of ${file} as they are`).toBe(sums[i])
  expect(own[3], 'the same bytes under another name are the same layer').toBe(own[2])
  expect(own[4], 'a byte more, and it is another layer').not.toBe(own[2])
})

test.concurrent('10.2 the container sees the files of all layers; of two with one name, that of the upper layer', async ({
  expect,
}) => {
  const box = await run('cat /srv/one /srv/two /etc/motd; ls /bin/sh', { task: '10.2' })
  expect(box.stderr, 'lowerdir= takes all of them, with a : between').toBe('')
  const why = '`lower` begins with the lowest, as an image lists its layers; lowerdir= with the uppermost'
  expect(box.stdout, why).toBe('one\ntwo\nand now from two\n/bin/sh\n')
})

test.concurrent('10.2 a folder may have a colon, a comma and a backslash in its name', async ({ expect }) => {
  const box = await run('cat /srv/odd /srv/one', { lower: [ROOTFS, one, ODD], task: '10.2' })
  const why = `overlayfs parts folders at : and options at , so a \\ goes before each of the three: ${ODD}`
  expect(box.stderr, why).toBe('')
  expect(box.stdout, why).toBe('odd\none\n')
})

test.concurrent('10.2 more options are handed on', async ({ expect }) => {
  await using box = await start('sleep 60', { task: '10.2' })
  const line = (await host.read(`/proc/${box.pid}/mountinfo`)).split('\n').find((text) => text.includes(' overlay '))
  expect(line, 'the container has no overlay mounted').toBeDefined()
  expect(line, '`options` go behind the others: volatile says that nobody needs a sync of it').toMatch(/[,=]volatile\b/)
})

test.concurrent('10.3 a container has its folders: what it changes, what overlayfs works with, and its root', async ({
  expect,
}) => {
  await using _box = await start('sleep 60', { id: 'folders', task: '10.3' })
  const { rootfs, union } = unionOf('folders', [], { containers: CONTAINERS })
  const paths = [union.upper, rootfs, union.work]
  const [upper = '', root = '', work = ''] = (await sh(`stat -c '%F %d' ${paths.join(' ')} 2>&1; true`)).split('\n')
  expect(upper, `${union.upper}: what the container changes`).toMatch(/^directory/)
  expect(root, `${rootfs}: where its root will be`).toMatch(/^directory/)
  const why = 'work is on the same file system as upper: from there overlayfs moves a finished file into it'
  expect(work, why).toBe(upper)
})

test.concurrent('10.4 the host does not see the mount', async ({ expect }) => {
  await using box = await start('sleep 60', { id: 'hidden', containers: SHARED, task: '10.4' })
  const mounts = await sh(`grep ${SHARED}/hidden /proc/self/mountinfo || true`)
  if (mounts !== '') await sh(`umount -l ${SHARED}/hidden/root`) // or its folder stays busy, and other checks see that
  const why = 'the union is mounted on the host: first make all mounts private (lesson 03). mount_namespaces(7)'
  expect(mounts, why).toBe('')
  const type = (await host.exec(['nsenter', '-t', String(box.pid), '-m', 'stat', '-f', '-c', '%T', '/'])).stdout
  expect(type.trim(), 'the root of the container is no overlay').toBe('overlayfs')
})

test.concurrent('10.4 what the container writes is in its upper folder, and no layer changes', async ({ expect }) => {
  const before = await state()
  const id = 'writer'
  const script = 'echo mine >> /etc/motd; echo new > /srv/new; rm /srv/one; rm -r /srv/old; echo done; exec sleep 60'
  await using box = await start(script, { id, task: '10.4' })
  await box.program.until(() => box.program.stdout.includes('done'), 'it had written')

  const upper = `${CONTAINERS}/${id}/upper`
  expect(box.program.stderr, 'it may write to its root').toBe('')
  expect(await sh(`cat ${upper}/srv/new`), 'a new file is in upper').toBe('new\n')
  const copied = 'a file of a layer that is changed is copied up first, whole'
  expect(await sh(`cat ${upper}/etc/motd`), copied).toBe('and now from two\nmine\n')
  expect(await state(), 'lower folders are only read: mount(2) with overlayfs, not a copy and no bind mount').toBe(
    before,
  )
  const inside = await sh(`ls /proc/${box.pid}/root/srv`)
  expect(inside.trim().split('\n'), 'inside, what was removed is gone').toEqual(['new', 'two'])
})

test.concurrent('10.4 two containers of one image: neither sees what the other changed', async ({ expect }) => {
  const script = (word: string) => `echo ${word} > /srv/word; echo done; exec sleep 60`
  await using a = await start(script('a'), { task: '10.4' })
  await using b = await start(script('b'), { task: '10.4' })
  for (const { program } of [a, b]) await program.until(() => program.stdout.includes('done'), 'it had written')
  const words = await Promise.all([a, b].map(({ pid }) => host.read(`/proc/${pid}/root/srv/word`)))
  expect(words, 'each has an upper folder of its own').toEqual(['a\n', 'b\n'])
  expect(await sh(`cat ${one}/srv/word ${two}/srv/word 2>&-; true`), 'and the layers have neither').toBe('')
})

test.concurrent('10.4 an image may have many layers with long names', async ({ expect }) => {
  const box = await run('ls /srv | wc -l', { lower: [ROOTFS, ...many], task: '10.4' })
  const why =
    'mount(2) takes 4096 bytes of options. That is why `lower` has short names here: /proc/self/fd/N. Keep them'
  expect(box.stderr, why).toBe('')
  expect(box.stdout.trim(), why).toBe(String(many.length))
})

test.concurrent('10.4 the same without root outside: in a user namespace overlayfs notes user.* attributes', async ({
  expect,
}) => {
  await sh(`cp -a ${one} ${LAYERS}/theirs; chown -R ${USER}:${USER} ${LAYERS}/theirs`)
  const ids = {
    uids: [{ inside: 0, outside: USER, count: 65536 }],
    gids: [{ inside: 0, outside: USER, count: 65536 }],
    setgroups: 'allow' as const,
    by: 'caller' as const,
  }
  // To empty a folder of a layer makes it opaque. That takes an attribute, user.* here: a tmpfs has those since Linux 6.6.
  const opaque = olderThan(6, 6) ? '' : 'rm -r /srv/old; mkdir /srv/old; ls -A /srv/old;'
  const script = `id -u; ${opaque} echo x >> /srv/one; cat /srv/one; rm /srv/one; [ ! -e /srv/one ]`
  const only = ['user', 'pid', 'net', ...OWN]
  const box = await run(script, { lower: [ROOTFS, `${LAYERS}/theirs`], only, ids, task: '10.4' })
  expect(box.stderr, 'root of the user namespace mounts it, and may write: user_namespaces(7)').toBe('')
  expect(box.stdout).toBe('0\none\nx\n')
  expect(await host.read(`${LAYERS}/theirs/srv/one`), 'the layer is as it was').toBe('one\n')
})

test.concurrent('10.5 when the container has ended, nothing of it is left', async ({ expect }) => {
  const box = await run('mkdir /srv/a /srv/b; echo x > /srv/a/b; chmod 0 /srv/a', { id: 'ended', task: '10.5' })
  expect(box.stderr, REMOVES).toBe('')
  expect(await sh(`ls ${CONTAINERS}`), 'all of its folder: upper, work and root').not.toContain('ended')
})

test.concurrent('10.5 what is to be kept is kept, and can be the next layer', async ({ expect }) => {
  const id = 'kept'
  const box = await run('echo more > /srv/more; rm /srv/one', { id, keep: true, task: '10.5' })
  expect(box.stderr, REMOVES).toBe('')
  const why = '`keep`: upper stays, and the rest goes'
  expect((await sh(`ls ${CONTAINERS}/${id} 2>&- || true`)).trim(), why).toBe('upper')
  const next = await run('ls /srv', { lower: [ROOTFS, one, two, `${CONTAINERS}/${id}/upper`], task: '10.5' })
  expect(next.stdout, 'a container of one layer more').toBe('more\nold\ntwo\n')
})

test.concurrent('10.5 another process may remove them when the engine was killed, and twice', async ({ expect }) => {
  const id = 'killed'
  const box = await start('sleep 60', { id, task: '10.5' })
  await host.exec(['sh', '-c', `kill -9 $(ps -o ppid= -p ${box.pid})`]) // its engine
  await box.program.result
  const { stderr, code } = await run('true', { task: '10.5' })
  expect(stderr, 'the next container cleans up, and knows of the first what its spec says').toBe('')
  expect(code, 'and its own command ends well').toBe(0)
  expect(await sh(`ls ${CONTAINERS}`), 'the folder of a container whose engine was killed').not.toContain(id)
  const { rootfs, union } = unionOf(id, [], { containers: CONTAINERS })
  const again = host.call('removeFolders', [{ rootfs, union, mechanisms: OWN }, union], '10.5')
  expect(await again.catch((error) => error.message), 'a second time there is nothing to do').toBeFalsy()
})

test.concurrent('10.6 changes: what was written, deleted, and replaced', async ({ expect }) => {
  const { stderr, seen } = await seenChanges()
  expect(stderr).toBe('')
  const kind = (path: string) => seen.find((change) => change.path === path)?.kind
  expect(kind('/srv/new'), '/srv/new was written').toBe('written')
  expect(kind('/etc/motd'), 'chmod copied it up, so it is there').toBe('written')
  const whiteout = 'overlayfs leaves a character device 0, 0 in the place of what was deleted: a whiteout'
  expect(kind('/srv/one'), whiteout).toBe('deleted')
  expect(kind('/etc/conf'), whiteout).toBe('deleted')
  const opaque = 'removed and made again: an opaque folder, isOpaque(). What the layers have in it must not be seen'
  expect(kind('/srv/old'), opaque).toBe('replaced')
  expect(kind('/srv/old/b'), 'what is in a folder counts, too').toBe('written')
  const paths = seen.map(({ path }) => path).filter((path) => !path.startsWith('/srv/dev/'))
  const all = [
    '/etc',
    '/etc/conf',
    '/etc/motd',
    '/srv',
    '/srv/dev',
    '/srv/link',
    '/srv/new',
    '/srv/old',
    '/srv/old/b',
    '/srv/one',
  ]
  expect(paths.sort(), 'each path once, as the container names it; a symbolic link is not followed').toEqual(all)
})

test.concurrent('10.6 a device is no whiteout, unless its numbers are 0 and 0', async ({ expect }) => {
  const { stderr, seen } = await seenChanges()
  expect(stderr).toBe('')
  const devices = seen.filter(({ path }) => path.startsWith('/srv/dev/')).map(({ path, kind }) => `${kind} ${path}`)
  const why = 'st_rdev tells which device it is: stat(2)'
  expect(devices.sort(), why).toEqual(['written /srv/dev/null', 'written /srv/dev/zero'])
})

let once: Promise<{ stderr: string; seen: { path: string; kind: string }[] }> | undefined

/** What changes() says of a container that both checks of 10.6 look at. */
function seenChanges() {
  const id = 'changed'
  const script = `
    echo new > /srv/new; rm /srv/one; chmod 600 /etc/motd; rm -r /srv/old; mkdir /srv/old; echo b > /srv/old/b
    rm -r /etc/conf; ln -s / /srv/link; mkdir /srv/dev; mknod /srv/dev/null c 1 3; mknod /srv/dev/zero c 1 5`
  const upper = `${CONTAINERS}/${id}/upper`
  once ??= run(script, { id, keep: true, task: '10.6' }).then(async ({ stderr }) => {
    if (stderr === '' && (await sh(`ls -d ${upper} 2>&- || true`)) === '')
      throw new Error('`keep`, and its upper folder is gone: there is nothing to read. First do 10.5, removeFolders()')
    return { stderr, seen: stderr === '' ? await host.call('changes', [upper], '10.6') : [] }
  })
  return once
}

/** Whom the container's root is outside, in the check with a user namespace. */
const USER = 100_000
const OWN = [lesson.name, ...lesson.needs]

const FOLDERS = 'makeFolders(), 10.3: upper, work and the root. The folders above may not exist either: mkdir(2)'
const REMOVES =
  'when a container has ended, `cleanup` calls removeFolders(): removeTree() removes a folder that is not empty'

async function run(script: string, options: BoxOptions) {
  const result = await host.run(['sh', '-c', script], { lower: [ROOTFS, one, two], containers: CONTAINERS, ...options })
  if (isWithoutFolders(result.stderr)) throw new Error(`${FOLDERS}: \n${result.stderr}`)
  return result
}

async function start(script: string, options: BoxOptions): Promise<Box> {
  const asked = { lower: [ROOTFS, one, two], containers: CONTAINERS, ...options }
  return host.start(['sh', '-c', script], asked).catch((error: Error) => {
    throw isWithoutFolders(error.message) ? new Error(`${FOLDERS}: \n${error.message}`) : error
  })
}

/** Whatever the check is about: no container starts, and that is why. */
const isWithoutFolders = (said: string) => /^box: .*ENOENT.* mkdir /.test(said)

/** All that can be said of the files in the layers. */
const state = () =>
  sh(`cd ${LAYERS}; find one two -printf '%p %m %u %s %T@ %y\\n' | sort; cat $(find one two -type f | sort)`)

/** Runs a script on the host. */
async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script])
  if (code !== 0) throw new Error(stderr)
  return stdout
}
