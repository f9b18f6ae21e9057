import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { olderThan } from '#given/kernel.ts'
import { ensureRootfs, smallRoot } from '#given/rootfs.ts'
import { short } from '../../lessons/10-images/given/digest.ts'
import type { Store } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { defaults } from '../box/options/image.ts'
import { box as anyBox, said, start } from './boxes.ts'
import { refusals } from './refusals.ts'

// Images as somebody would use them from a shell, in a store of their own. What a command is not the subject of is made and
// looked at with the store's functions, here in this process: most of the time that a command takes is its start.

let folder: string
let store: Store
const env: Record<string, string> = {} // the store's place; beforeAll() fills it in
const box = (verb: string, ...args: string[]) => anyBox(args, { verb, env, cwd: folder })
const run = (...args: string[]) => box('run', '--reference', ...args)

async function ok(verb: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box(verb, ...args)
  expect(code, `${verb} ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

beforeAll(async () => {
  ensureRootfs() // the root of whom no other is given
  folder = mkdtempSync('/var/tmp/workshop-box-images-') // on a disk: older kernels have no other owners on a tmpfs
  chmodSync(folder, 0o711) // for root of a user namespace, who is somebody else here
  env.WORKSHOP_IMAGES = join(folder, 'store')
  mkdirSync(join(folder, 'site/sub'), { recursive: true })
  writeFileSync(join(folder, 'site/page'), 'a page\n')
  writeFileSync(join(folder, 'site/sub/page'), 'another\n', { mode: 0o600 })
  symlinkSync('page', join(folder, 'site/link'))
  // Small, as it is imported. With busybox one program would do, but not every machine has it.
  smallRoot(join(folder, 'root'), [
    'sh',
    'cat',
    'echo',
    'chmod',
    'chown',
    'id',
    'ln',
    'ls',
    'mkdir',
    'readlink',
    'rm',
    'stat',
    'touch',
  ])
  await ok('import', 'root', 'base', '--env', 'FROM=base')
  store = openStore(env.WORKSHOP_IMAGES)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A command line that only looks, or is refused: for refusals(). */
const typed = (line: string) => {
  const [verb = '', ...args] = line.split(' ')
  return { verb, args, env }
}

const layers = (image: string) => store.find(image).layers.map(({ diffId }) => diffId)
const containers = () => readdirSync(join(folder, 'store/containers'))
/** Where a file of an image lies: in its uppermost layer, or in that so many below it. */
const inLayer = (image: string, path: string, below = 0) =>
  join(store.lower(store.find(image)).at(-1 - below) ?? '', path)

/** A folder with one file, as a layer is made of it. */
function folderWith(path: string, text = ''): string {
  const layer = mkdtempSync(join(folder, 'layer-'))
  chmodSync(layer, 0o755)
  mkdirSync(join(layer, path, '..'), { recursive: true })
  writeFileSync(join(layer, path), text)
  return layer
}

/** An image of one layer more than `base`. */
const above = (layer: string, reference?: string) =>
  store.commit(layer, { parent: store.find('base'), ...(reference ? { reference } : {}) })

describe('run', () => {
  test('an image: its files, its environment; what changes is gone with the container', async () => {
    const first = await run('base', '--', 'sh', '-c', 'echo $FROM; echo x > /srv/x; rm /etc/passwd; ls /srv')
    expect(first).toMatchObject({ stdout: 'base\nx\n', stderr: '' })
    expect(readdirSync(inLayer('base', 'srv')), 'the layer is as it was').toEqual([])
    expect(existsSync(inLayer('base', 'etc/passwd')), 'the layer is as it was').toBe(true)
    expect(containers(), 'nothing is left').toEqual([])
  })

  test('a folder as root stays as it is, unless it is --rw; of a mere folder there is no image to commit to', async () => {
    const srv = join(folder, 'root/srv')
    const script = ['sh', '-c', 'echo x > /srv/x; echo ready; read -r line']
    const child = start(['--reference', '--name', 'plain', './root', '--', ...script], { env, cwd: folder })
    const closed = once(child, 'close')
    try {
      await said(child, 'ready')
      const answer = refusals(['commit plain x', 'diff plain'].map(typed))
      const { stderr, code } = await answer(0)
      expect(stderr).toMatch(/the root of 'plain' is a folder.*import FOLDER NAME/)
      expect(code).toBe(125)
      expect((await answer(1)).stdout, 'but what it changed can be seen').toContain('A /srv/x\n')
    } finally {
      child.stdin?.end('end\n')
    }
    expect(await closed).toEqual([0, null])
    expect(readdirSync(srv)).toEqual([])
    const write = ['./root', '--', 'sh', '-c', 'echo x > /srv/x']
    expect(await run('--rw', ...write)).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(srv)).toEqual(['x'])
    rmSync(join(srv, 'x'))
  })

  test('where the store lies on an overlay, which is no place for an upper folder', async () => {
    const script = `
      mount -t tmpfs none /dev/shm; cd ${folder}; mkdir -p o/upper o/work o/root; mount -t overlay -o lowerdir=site,upperdir=o/upper,workdir=o/work none o/root
      exec "$0" --no-warnings "$@"`
    const under = ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', script]
    const elsewhere = { WORKSHOP_IMAGES: join(folder, 'o/root') }
    const words = ['--reference', '--', 'sh', '-c', 'rm /etc/passwd && echo works']
    expect(await anyBox(words, { under, env: elsewhere })).toEqual({ code: 0, stdout: 'works\n', stderr: '' })
  })

  test('the image says who, where, and what', async () => {
    const steps = ['--workdir', '/srv', '--user', 'nobody', '--env', 'A=1', '--env', 'B=2']
    await ok('build', '--from', 'base', ...steps, '--cmd', 'id -un; pwd; echo $FROM $A $B', '--tag', 'said')
    expect((await run('said', '--')).stdout).toBe('nobody\n/srv\nbase 1 2\n')
    const others = ['--env', 'A=3', '--user', 'root', '--workdir', '/', '--entrypoint', 'sh']
    const look = ['-c', 'id -un; pwd; echo $FROM $A $B']
    expect((await run(...others, 'said', '--', ...look)).stdout, 'unless told otherwise').toBe('root\n/\nbase 3 2\n')
    await ok('build', '--from', 'base', '--entrypoint', '["echo", "first"]', '--cmd', '["then"]', '--tag', 'entry')
    expect((await run('entry', '--', 'mine')).stdout).toBe('first mine\n')

    const words = (image: string, ...typed: string[]) => defaults(store.find(image), typed).argv
    expect(words('entry')).toEqual(['echo', 'first', 'then'])
    expect(words('said', 'echo', 'mine'), 'in the place of its own').toEqual(['echo', 'mine'])
    const { argv } = defaults(store.find('entry'), ['x'], ['printf'])
    expect(argv, '--entrypoint in the place of its own').toEqual(['printf', 'x'])
  })
})

describe('build', () => {
  test('a layer a step; what is unchanged is reused, and what comes after a change is not', async () => {
    const steps = (word: string) => ['echo base > /srv/a', `echo ${word} > /srv/b`, 'echo last > /srv/c']
    const args = (word: string) => ['--from', 'base', ...steps(word).flatMap((step) => ['--run', step])]
    expect(await ok('build', ...args('one'), '--tag', 'myimage:1')).not.toContain('reused')
    const other = await ok('build', ...args('two'), '--tag', 'myimage:2')
    expect(other.match(/reused/g), 'the first step').toHaveLength(1)
    const [one, two] = [layers('myimage:1'), layers('myimage:2')]
    expect([one.length, two.length]).toEqual([4, 4])
    expect(one.slice(0, 2), 'layer 0 and the first step are the same in both').toEqual(two.slice(0, 2))
    expect(one[2]).not.toBe(two[2])
    expect(await ok('build', '--from', 'base', '--run', steps('')[0] ?? '', '--no-cache')).not.toContain('reused')
  })

  test('deletes; copies a folder, follows links in the image and none out of it, and sees a change', async () => {
    const step = `ln -s ${folder} /out; ln -s /srv /inside; rm -r /etc/nsswitch.conf /home && mkdir /home`
    await ok('build', '--from', 'base', '--run', step, '--tag', 'links')
    const aFolder = ['--copy', './site:/inside/www']
    const copies = [...aFolder, '--copy', './site/page:/etc/page']
    await ok('build', '--from', 'links', ...copies, '--tag', 'homepage')
    const look = `
      cat /srv/www/page; readlink /srv/www/link; stat -c "%a %U" /srv/www/sub/page; cat /etc/page
      ls -A /home; ls /etc/nsswitch.conf 2>&1`
    const { stdout, code } = await run('homepage', '--', 'sh', '-c', look)
    const [copied, deleted] = [stdout.slice(0, stdout.indexOf('ls:')), stdout.slice(stdout.indexOf('ls:'))]
    expect(copied, '/home is empty').toBe('a page\npage\n600 root\na page\n')
    expect(deleted).toMatch(/^ls: .*No such file or directory\n$/)
    expect(code, 'ls: cannot access').toBe(2)

    const out = await box('build', '--from', 'links', ...copies, '--copy', './site/sub:/out')
    expect(existsSync(join(folder, 'page')), 'a link of the image led out of it').toBe(false)
    expect(out.code, 'the link leads nowhere in the image').not.toBe(0)
    expect(out.stdout.match(/reused/g), 'the copies before it are unchanged').toHaveLength(2)

    writeFileSync(join(folder, 'site/page'), 'a new page\n')
    try {
      expect(await ok('build', '--from', 'links', ...aFolder, '--tag', 'homepage')).not.toContain('reused')
    } finally {
      writeFileSync(join(folder, 'site/page'), 'a page\n')
    }
    expect(readFileSync(inLayer('homepage', 'srv/www/page'), 'utf8')).toBe('a new page\n')
  })

  test('a step that fails makes no image', async () => {
    const { code, stderr } = await box('build', '--from', 'base', '--run', 'exit 3', '--tag', 'failed')
    expect({ code, stderr }).toEqual({ code: 125, stderr: 'box: the step failed, with exit code 3: RUN exit 3\n' })
    expect(() => store.find('failed')).toThrow("there is no image 'failed'")
    expect(containers(), 'nothing is left').toEqual([])
  })
})

describe('commit, diff, and an image in use', () => {
  test('what a container changed becomes a layer, and its image cannot be removed meanwhile', async () => {
    const script = 'echo x > /srv/x; rm /etc/os-release; chmod 700 /home; echo ready; read -r line'
    await store.commit(undefined, { parent: store.find('base'), reference: 'used:1', config: { Env: ['USED=1'] } })
    const child = start(['--reference', '--name', 'changing', 'used:1', '--', 'sh', '-c', script], { env, cwd: folder })
    try {
      await said(child, 'ready')
      const answer = refusals(['diff changing', 'rmi used:1', 'commit changing changed:1'].map(typed))
      const diff = (await answer(0)).stdout.split('\n')
      expect(diff).toEqual(expect.arrayContaining(['A /srv/x', 'C /srv', 'D /etc/os-release', 'C /home']))
      expect(await answer(1)).toMatchObject({ code: 125, stderr: expect.stringMatching(/changing/) })
      expect(await answer(2)).toMatchObject({ code: 0, stderr: '' })
    } finally {
      child.stdin?.end('end\n')
      await new Promise((resolve) => child.once('close', resolve))
    }
    const { stdout } = await run('changed:1', '--', 'sh', '-c', 'cat /srv/x; ls /etc/os-release 2>&1; stat -c %a /home')
    expect(stdout).toMatch(/^x\nls: .*No such file.*\n700\n$/)
    expect(layers('changed:1')).toHaveLength(2)
    await store.remove('used:1')
  })
})

describe.skipIf(olderThan(5, 19))(
  'root’s --userns, over layers that are root’s (overlayfs takes other owners since 5.19)',
  () => {
    const outside = (uidMap: string) => Number(uidMap.trim().split(/\s+/)[1])

    test('in it they are its root’s; outside, what it writes is another’s, and the layers stay', async () => {
      const layer = folderWith('srv/www')
      chownSync(join(layer, 'srv/www'), 33, 33)
      await above(layer, 'owners')
      const script = `
      echo x > /x; echo x >> /etc/group; chown 7:8 /x; rm /etc/passwd; cat /proc/self/uid_map
      stat -c '%n %u %g' /usr /etc/group /srv/www /x; echo ready; read -r line`
      const argv = ['--reference', '--userns', '--name', 'mapped', 'owners', '--', 'sh', '-c', script]
      const child = start(argv, { env, cwd: folder })
      try {
        const lines = (await said(child, 'ready')).split('\n')
        expect(lines.slice(1, 5)).toEqual(['/usr 0 0', '/etc/group 0 0', '/srv/www 33 33', '/x 7 8'])
        const first = outside(lines[0] ?? '')
        expect(first, 'root in there is no root').toBeGreaterThan(0)
        const upper = join(folder, 'store/containers', containers()[0] ?? '', 'upper')
        const { uid, gid } = statSync(join(upper, 'x'))
        expect([uid, gid]).toEqual([first + 7, first + 8])
        expect(statSync(join(upper, 'etc/group')).uid, 'copied up').toBe(first)
        expect(readFileSync('/proc/self/mountinfo', 'utf8'), 'the host sees no mount').not.toContain(folder)
        const answer = refusals(['diff mapped', 'commit mapped mapped:1'].map(typed))
        expect((await answer(0)).stdout.split('\n')).toContain('D /etc/passwd')
        expect(await answer(1)).toMatchObject({ code: 0, stderr: '' })
      } finally {
        child.stdin?.end('end\n')
        await new Promise((resolve) => child.once('close', resolve))
      }
      expect(containers(), 'nothing is left').toEqual([])
      const owners = ['x', 'etc/group'].map((path) => lstatSync(inLayer('mapped:1', path)))
      const numbers = owners.map(({ uid, gid }) => [uid, gid])
      expect(numbers, 'in the layer are the numbers of the container').toEqual([
        [7, 8],
        [0, 0],
      ])
      const look = ['--', 'stat', '-c', '%n %u %g', '/x', '/etc/group', '/srv/www']
      const same = '/x 7 8\n/etc/group 0 0\n/srv/www 33 33\n'
      expect((await run('--userns', 'mapped:1', ...look)).stdout).toBe(same)
    })

    test('a step of a build, and one on nothing', async () => {
      const step = 'id -u; cat /proc/self/uid_map > /srv/map; chown 5 /srv/map'
      await ok('build', '--userns', '--from', 'base', '--run', step, '--tag', 'stepped')
      const map = inLayer('stepped', 'srv/map')
      expect(statSync(map).uid, 'in the layer are the numbers of the container').toBe(5)
      expect(outside(readFileSync(map, 'utf8'))).toBeGreaterThan(0)
      await ok('build', '--userns', '--from', 'scratch', '--copy', './site:/site', '--tag', 'copied')
      expect(statSync(inLayer('copied', 'site/page')).uid, 'root’s on the disk').toBe(0)
    })

    test('a folder as root: its own to change, and the folder stays as it is', async () => {
      const root = join(folder, 'root')
      const write = ['sh', '-c', 'touch /x /tmp/x && stat -c %u /x /usr']
      expect(await run('--userns', './root', '--', ...write)).toEqual({ code: 0, stdout: '0\n0\n', stderr: '' })
      expect([existsSync(join(root, 'x')), readdirSync(join(root, 'tmp'))]).toEqual([false, []])
      const { stderr, stdout } = await run('--userns', '--rw', './root', '--', ...write)
      expect(stderr, 'as it is, it belongs to nobody').toContain("cannot touch '/x': Permission denied")
      expect(stdout).toBe('')
    })

    describe('a closed folder on the way is named', () => {
      const closed = () => join(folder, 'closed')
      beforeAll(async () => {
        mkdirSync(join(closed(), 'root'), { recursive: true, mode: 0o700 })
        await openStore(join(closed(), 'store')).import(join(folder, 'site'), { reference: 'base' })
        Object.assign(inNothing, { WORKSHOP_IMAGES: join(closed(), 'nothing') })
        Object.assign(inStore, { WORKSHOP_IMAGES: join(closed(), 'store') })
      })
      const inNothing = {}
      const inStore = {}
      const table: [what: string, root: string, env: Record<string, string>][] = [
        ['to the root', './closed/root', env],
        ['to what changes', './site', inNothing],
        ['to a layer', 'base', inStore],
      ]
      const answer = refusals(
        table.map(([, root, env]) => ({ args: ['--reference', '--userns', root, '--', 'true'], env })),
        () => folder,
      )
      test.each(table.map(([what], nth) => [what, nth] as const))('%s', async (_, nth) => {
        const { stderr, code } = await answer(nth)
        expect(stderr).toContain(`--userns: ${closed()} is closed to others`)
        expect(code).toBe(125)
      })
    })

    test('where the store’s file system cannot, it says so', async () => {
      const script = `
      mount -t tmpfs none /dev/shm; cd ${folder}; mkdir -p u/upper u/work u/root; mount -t overlay -o lowerdir=store,upperdir=u/upper,workdir=u/work none u/root
      exec "$0" --no-warnings "$@"`
      const under = ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', script]
      const elsewhere = { WORKSHOP_IMAGES: join(folder, 'u/root') }
      const { stderr, code } = await anyBox(['--reference', '--userns', 'base', '--', 'true'], {
        under,
        env: elsewhere,
      })
      expect(stderr).toMatch(/cannot be mounted with other owners: mount_setattr\(2\), EINVAL\.\n.*leave out --userns/)
      expect(code).toBe(125)
    })
  },
)

test('an image goes out and comes back the same', async () => {
  const { id } = await store.commit(folderWith('out', 'out\n'), { reference: 'out:1' })
  expect(await ok('images', '-q', 'out:1')).toBe(`${short(id)}\n`)
  await ok('save', 'out:1', '--format', 'oci', '--output', 'oci.tar')
  await ok('save', 'out:1', '--format', 'docker', '--output', 'docker.tar')
  const byFunction = await openStore(join(folder, 'store-oci')).load(join(folder, 'oci.tar'))
  expect(byFunction.map((image) => image.id)).toEqual([id])
  const other = { WORKSHOP_IMAGES: join(folder, 'store-docker') }
  const loaded = await anyBox(['docker.tar'], { verb: 'load', env: other, cwd: folder })
  expect(loaded.stderr).toBe('')
  expect(loaded.stdout).toContain(short(id))
  const theirs = openStore(other.WORKSHOP_IMAGES)
  const [layer = ''] = theirs.lower(theirs.find('out:1'))
  expect(readFileSync(join(layer, 'out'), 'utf8')).toBe('out\n')
})

test('rmi takes names, and with the last one the image; prune takes what has no name', async () => {
  await above(folderWith('srv/gone'), 'gone:1')
  await ok('tag', 'gone:1', 'gone:2')
  expect(store.find('gone:1').references).toEqual(['gone:1', 'gone:2'])
  await above(folderWith('srv/nameless'))
  const answer = refusals(['rmi gone:1 gone:2', 'prune'].map(typed))
  expect((await answer(0)).stdout).toMatch(/^untagged gone:1\nuntagged gone:2\n(.*\n)*removed layer/)
  expect((await answer(1)).stdout).toMatch(/removed image/)
  expect(await ok('prune')).toBe('Nothing to prune.\n')
  expect(store.find('base').references, 'what has a name stays').toEqual(['base:latest'])
})

describe('bad input: what, why, what to do', () => {
  const table: [what: string, argv: string[], code: number, message: RegExp][] = [
    ['no such image', ['run', 'bas', '--', 'true'], 125, /no image 'bas'\. Did you mean base\?/],
    ['no such image to remove', ['rmi', 'nope'], 125, /no image 'nope'/],
    ['no name', ['tag', 'base'], 2, /its new name is missing/],
    ['too much', ['history', 'base', 'more'], 2, /'more' is too much/],
    ['no --from', ['build', '--tag', 'x'], 2, /--from is missing/],
    ['an unknown --from', ['build', '--from', 'bse'], 125, /no image 'bse'/],
    ['half a copy', ['build', '--from', 'base', '--copy', 'site'], 2, /--copy site: it wants SRC:DST/],
    ['nothing to copy', ['build', '--from', 'base', '--copy', './nope:/x'], 2, /there is no .*nope/],
    ['a copy that goes up', ['build', '--from', 'base', '--copy', './site:/../x'], 2, /must not go up/],
    ['a command that is no JSON', ['build', '--from', 'base', '--cmd', '["a"'], 2, /JSON array of words/],
    ['an unknown format', ['save', 'base', '-o', 'x', '--format', 'ocj'], 2, /Did you mean oci/],
    ['no command at all', ['run', 'base', '--'], 2, /The image base names none/],
    ['a folder that is missing', ['import', './nope', 'x'], 125, /nope/],
    ['a bad name', ['tag', 'base', 'No:Such:Name'], 2, /No:Such:Name/],
  ]
  const lines = table.map(([, [verb = '', ...args]]) => ({
    ...{ verb, env, args: verb === 'run' ? ['--reference', ...args] : args },
  }))
  const answer = refusals(lines, () => folder)
  test.each(table.map((row, nth) => [...row, nth] as const))('%s', async (_, _line, code, message, nth) => {
    const { stderr, code: ended } = await answer(nth)
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(ended).toBe(code)
  })
})
