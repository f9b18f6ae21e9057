import {
  chmodSync,
  cpSync,
  existsSync,
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
import { ensureRootfs } from '#given/rootfs.ts'
import { box as anyBox, said, start } from './boxes.ts'

// Images as somebody would use them from a shell, in a store of their own.

let folder: string
let env: Record<string, string>
const box = (verb: string, ...args: string[]) => anyBox(args, { verb, env, cwd: folder })
const run = (...args: string[]) => box('run', '--reference', ...args)

async function ok(verb: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box(verb, ...args)
  expect(code, `${verb} ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

beforeAll(async () => {
  const rootfs = ensureRootfs()
  folder = mkdtempSync('/var/tmp/workshop-box-images-') // on a disk: older kernels have no other owners on a tmpfs
  chmodSync(folder, 0o711) // for root of a user namespace, who is somebody else here
  env = { WORKSHOP_IMAGES: join(folder, 'store') }
  mkdirSync(join(folder, 'site/sub'), { recursive: true })
  writeFileSync(join(folder, 'site/page'), 'a page\n')
  writeFileSync(join(folder, 'site/sub/page'), 'another\n', { mode: 0o600 })
  symlinkSync('page', join(folder, 'site/link'))
  await ok('import', rootfs, 'base', '--env', 'FROM=base')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const layers = async (image: string) =>
  (JSON.parse(await ok('images', '--json', image))[0] as { layers: string[] }).layers
const containers = () => readdirSync(join(folder, 'store/containers'))

describe('run', () => {
  test('an image: its files, its environment; what changes is gone with the container', async () => {
    const first = await run('base', '--', 'sh', '-c', 'echo $FROM; echo x > /srv/x; rm /etc/passwd; ls /srv')
    expect(first).toMatchObject({ stdout: 'base\nx\n', stderr: '' })
    expect((await run('base', '--', 'ls', '/etc/passwd', '/srv')).stdout).toBe('/etc/passwd\n\n/srv:\n')
    expect(containers(), 'nothing is left').toEqual([])
  })

  test('a folder as root stays as it is, unless it is --rw', async () => {
    const root = join(folder, 'root')
    cpSync(ensureRootfs(), root, { recursive: true, verbatimSymlinks: true })
    const write = ['./root', '--', 'sh', '-c', 'echo x > /srv/x']
    expect(await run(...write)).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(root, 'srv'))).toEqual([])
    expect(await run('--rw', ...write)).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(root, 'srv'))).toEqual(['x'])
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
    const steps = [
      '--run',
      'mkdir /srv/www',
      '--workdir',
      '/srv/www',
      '--user',
      'nobody',
      '--env',
      'A=1',
      '--env',
      'B=2',
    ]
    await ok('build', '--from', 'base', ...steps, '--cmd', 'id -un; pwd; echo $FROM $A $B', '--tag', 'said')
    expect((await run('said', '--')).stdout).toBe('nobody\n/srv/www\nbase 1 2\n')
    const other = ['--env', 'A=3', '--user', 'root', '--workdir', '/']
    expect((await run(...other, 'said', '--')).stdout).toBe('root\n/\nbase 3 2\n')
    expect((await run('said', '--', 'echo', 'mine')).stdout).toBe('mine\n')
    await ok('build', '--from', 'base', '--entrypoint', '["echo", "first"]', '--cmd', '["then"]', '--tag', 'entry')
    expect((await run('entry', '--')).stdout).toBe('first then\n')
    expect((await run('entry', '--', 'mine')).stdout).toBe('first mine\n')
    expect((await run('--entrypoint', 'printf', 'entry', '--', 'x')).stdout).toBe('x')
  })
})

describe('build', () => {
  test('a layer a step; what is unchanged is reused, and what comes after a change is not', async () => {
    const args = (word: string) => ['--from', 'base', '--run', 'echo base > /srv/a', '--run', `echo ${word} > /srv/b`]
    expect(await ok('build', ...args('one'), '--tag', 'myimage:1')).not.toContain('reused')
    const again = await ok('build', ...args('one'), '--tag', 'myimage:1')
    expect(again.match(/reused/g)).toHaveLength(2)
    const other = await ok('build', ...args('two'), '--tag', 'myimage:2')
    expect(other.match(/reused/g), 'the first step').toHaveLength(1)
    const [one, two] = [await layers('myimage:1'), await layers('myimage:2')]
    expect(one.slice(0, 2), 'layer 0 and the first step are the same in both').toEqual(two.slice(0, 2))
    expect(one[2]).not.toBe(two[2])
    expect(await ok('build', ...args('one'), '--no-cache')).not.toContain('reused')
  })

  test('a step that deletes', async () => {
    await ok('build', '--from', 'base', '--run', 'rm -r /etc/nsswitch.conf /home && mkdir /home', '--tag', 'less')
    const { stdout, code } = await run('less', '--', 'ls', '-A', '/home', '/etc/nsswitch.conf')
    expect(stdout).toBe('/home:\n')
    expect(code, 'ls: cannot access').toBe(2)
  })

  test('copies a folder, follows links in the image and none out of it, and sees a change', async () => {
    await ok('build', '--from', 'base', '--run', `ln -s ${folder} /out; ln -s /srv /inside`, '--tag', 'links')
    const copies = ['--copy', './site:/inside/www', '--copy', './site/page:/etc/page']
    const build = () => ok('build', '--from', 'links', ...copies, '--tag', 'homepage')
    await build()
    const look = 'cat /srv/www/page; readlink /srv/www/link; stat -c "%a %U" /srv/www/sub/page; cat /etc/page'
    expect((await run('homepage', '--', 'sh', '-c', look)).stdout).toBe('a page\npage\n600 root\na page\n')
    expect((await build()).match(/reused/g)).toHaveLength(2)
    writeFileSync(join(folder, 'site/page'), 'a new page\n')
    expect(await build()).not.toContain('reused')
    expect((await run('homepage', '--', 'cat', '/srv/www/page')).stdout).toBe('a new page\n')

    const out = await box('build', '--from', 'links', '--copy', './site/sub:/out', '--no-cache')
    expect(existsSync(join(folder, 'page')), 'a link of the image led out of it').toBe(false)
    expect(out.code, 'the link leads nowhere in the image').not.toBe(0)
  })

  test('a step that fails makes no image', async () => {
    const { code, stderr } = await box('build', '--from', 'base', '--run', 'exit 3', '--tag', 'failed')
    expect({ code, stderr }).toEqual({ code: 125, stderr: 'box: the step failed, with exit code 3: RUN exit 3\n' })
    expect((await run('failed', '--', 'true')).stderr).toContain("there is no image 'failed'")
    expect(containers(), 'nothing is left').toEqual([])
  })
})

describe('commit, diff, and an image in use', () => {
  test('what a container changed becomes a layer, and its image cannot be removed meanwhile', async () => {
    const script = 'echo x > /srv/x; rm /etc/os-release; chmod 700 /home; echo ready; read -r line'
    await ok('build', '--from', 'base', '--env', 'USED=1', '--tag', 'used:1')
    const child = start(['--reference', '--name', 'changing', 'used:1', '--', 'sh', '-c', script], { env, cwd: folder })
    try {
      await said(child, 'ready')
      const diff = (await ok('diff', 'changing')).split('\n')
      expect(diff).toEqual(expect.arrayContaining(['A /srv/x', 'C /srv', 'D /etc/os-release', 'C /home']))
      const refused = await box('rmi', 'used:1')
      expect(refused.stderr).toMatch(/changing/)
      expect(refused.code).toBe(125)
      await ok('commit', 'changing', 'changed:1')
    } finally {
      child.stdin?.end('end\n')
      await new Promise((resolve) => child.once('close', resolve))
    }
    const { stdout } = await run('changed:1', '--', 'sh', '-c', 'cat /srv/x; ls /etc/os-release 2>&1; stat -c %a /home')
    expect(stdout).toMatch(/^x\nls: .*No such file.*\n700\n$/)
    expect(await layers('changed:1')).toHaveLength(2)
    await ok('rmi', 'used:1')
  })

  test('of a mere folder there is no image to commit to', async () => {
    const script = ['sh', '-c', 'echo > /srv/x; echo ready; read -r line']
    const child = start(['--reference', '--name', 'plain', '--', ...script], { env })
    try {
      await said(child, 'ready')
      const { code, stderr } = await box('commit', 'plain', 'x')
      expect(stderr).toMatch(/the root of 'plain' is a folder.*import FOLDER NAME/)
      expect(code).toBe(125)
      expect(await ok('diff', 'plain'), 'but what it changed can be seen').toContain('A /srv/x\n')
    } finally {
      child.stdin?.end('end\n')
      await new Promise((resolve) => child.once('close', resolve))
    }
  })
})

describe.skipIf(olderThan(5, 19))(
  'root’s --userns, over layers that are root’s (overlayfs takes other owners since 5.19)',
  () => {
    const outside = (uidMap: string) => Number(uidMap.trim().split(/\s+/)[1])

    test('in it they are its root’s; outside, what it writes is another’s, and the layers stay', async () => {
      await ok('build', '--from', 'base', '--run', 'touch /srv/www; chown 33:33 /srv/www', '--tag', 'owners')
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
        expect((await ok('diff', 'mapped')).trim().split('\n')).toContain('D /etc/passwd')
        await ok('commit', 'mapped', 'mapped:1')
      } finally {
        child.stdin?.end('end\n')
        await new Promise((resolve) => child.once('close', resolve))
      }
      expect(containers(), 'nothing is left').toEqual([])
      const look = ['--', 'stat', '-c', '%n %u %g', '/x', '/etc/group', '/srv/www']
      const same = '/x 7 8\n/etc/group 0 0\n/srv/www 33 33\n'
      expect((await run('mapped:1', ...look)).stdout, 'in the layer are the numbers of the container').toBe(same)
      expect((await run('--userns', 'mapped:1', ...look)).stdout).toBe(same)
    })

    test('a step of a build, and one on nothing', async () => {
      const step = 'id -u; cat /proc/self/uid_map > /srv/map; chown 5 /srv/map'
      await ok('build', '--userns', '--from', 'base', '--run', step, '--tag', 'stepped')
      const { stdout } = await run('stepped', '--', 'sh', '-c', 'stat -c %u /srv/map; cat /srv/map')
      const [owner, map] = stdout.split('\n')
      expect(owner).toBe('5')
      expect(outside(map ?? '')).toBeGreaterThan(0)
      await ok('build', '--userns', '--from', 'scratch', '--copy', './site:/site', '--tag', 'copied')
      const [layer = ''] = await layers('copied')
      const copied = join(folder, 'store/layers', layer.replace('sha256:', ''), 'diff/site/page')
      expect(statSync(copied).uid, 'root’s on the disk').toBe(0)
    })

    test('a folder as root: its own to change, and the folder stays as it is', async () => {
      const root = join(folder, 'mapped')
      cpSync(ensureRootfs(), root, { recursive: true, verbatimSymlinks: true })
      const write = ['sh', '-c', 'touch /x /tmp/x && stat -c %u /x /usr']
      expect(await run('--userns', './mapped', '--', ...write)).toEqual({ code: 0, stdout: '0\n0\n', stderr: '' })
      expect([existsSync(join(root, 'x')), readdirSync(join(root, 'tmp'))]).toEqual([false, []])
      const { stderr, stdout } = await run('--userns', '--rw', './mapped', '--', ...write)
      expect(stderr, 'as it is, it belongs to nobody').toContain("cannot touch '/x': Permission denied")
      expect(stdout).toBe('')
    })

    test('a closed folder on the way to it is named', async () => {
      const closed = join(folder, 'closed')
      mkdirSync(join(closed, 'root'), { recursive: true, mode: 0o700 })
      for (const [words, more] of [
        [['./closed/root'], {}],
        [['./site'], { WORKSHOP_IMAGES: join(closed, 'nothing') }],
        [['base'], { WORKSHOP_IMAGES: join(closed, 'store') }],
      ] as const) {
        if (words[0] === 'base')
          cpSync(join(folder, 'store'), join(closed, 'store'), { recursive: true, verbatimSymlinks: true })
        const argv = ['--reference', '--userns', ...words, '--', 'true']
        const { stderr, code } = await anyBox(argv, { env: { ...env, ...more }, cwd: folder })
        expect(stderr).toContain(`--userns: ${closed} is closed to others`)
        expect(code).toBe(125)
      }
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
  await ok('build', '--from', 'base', '--run', 'echo out > /srv/out', '--tag', 'out:1')
  const id = (await ok('images', '-q', 'out:1')).trim()
  for (const format of ['oci', 'docker']) {
    await ok('save', 'out:1', '--format', format, '--output', `${format}.tar`)
    const other = { WORKSHOP_IMAGES: join(folder, `store-${format}`) }
    const loaded = await anyBox([`${format}.tar`], { verb: 'load', env: other, cwd: folder })
    expect(loaded.stderr).toBe('')
    expect(loaded.stdout).toContain(id)
    const { stdout } = await anyBox(['--reference', 'out:1', '--', 'cat', '/srv/out'], { env: other })
    expect(stdout).toBe('out\n')
  }
})

test('rmi takes names, prune what has none', async () => {
  await ok('build', '--from', 'base', '--run', 'echo gone > /srv/gone', '--tag', 'gone:1')
  await ok('tag', 'gone:1', 'gone:2')
  expect(await ok('rmi', 'gone:1')).toMatch(/^untagged gone:1\n/)
  expect((await run('gone:2', '--', 'cat', '/srv/gone')).stdout).toBe('gone\n')
  expect(await ok('rmi', 'gone:2')).toMatch(/removed layer/)
  await ok('build', '--from', 'base', '--run', 'echo nameless > /srv/x')
  expect(await ok('prune')).toMatch(/removed image/)
  expect(await ok('prune')).toBe('Nothing to prune.\n')
  expect((await run('base', '--', 'true')).code, 'what has a name stays').toBe(0)
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
    ['an unknown verb', ['imagse'], 2, /Did you mean images/],
    ['no command at all', ['run', 'base', '--'], 2, /The image base names none/],
    ['a folder that is missing', ['import', './nope', 'x'], 125, /nope/],
    ['a bad name', ['tag', 'base', 'No:Such:Name'], 2, /No:Such:Name/],
  ]
  test.each(table)('%s', async (_, [verb = '', ...args], code, message) => {
    const { stderr, code: ended } = await box(verb, ...(verb === 'run' ? ['--reference'] : []), ...args)
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(ended).toBe(code)
  })
})
