import { spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ROOTFS } from '#given/spec.ts'
import { box as anyBox, said } from './boxes.ts'
import { box, create, inFolder, mine, ok, ownStore, printed, run, start } from './keeping.ts'

// box cp: files on their way in and out, and what a container could do to lead them elsewhere.

ownStore()
beforeAll(() => {
  mkdirSync(inFolder('site/sub'), { recursive: true })
  writeFileSync(inFolder('site/page'), 'a page\n')
  writeFileSync(inFolder('site/sub/page'), 'another\n', { mode: 0o600 })
  symlinkSync('/etc/passwd', inFolder('site/link'))
})
beforeEach(() => {
  rmSync(inFolder('out'), { recursive: true, force: true })
  mkdirSync(inFolder('out'))
})

const sleeping = async (name: string, script = ':', ...options: string[]) => {
  await run(name, `${script}; echo ready; exec sleep 600`, ...options)
  await printed(name, 'ready')
}
const inside = (name: string, script: string) => ok('exec', '--reference', name, '--', 'sh', '-c', script)
const out = () => readdirSync(inFolder('out')).sort()

describe('into a container', () => {
  test('a folder with all in it: as it is, or what is in it, or by another name', async () => {
    await sleeping('cp-a')
    const look = 'cd /srv; find * | sort; stat -c "%a %u" site/sub/page; readlink site/link'
    expect(await ok('cp', './site', 'cp-a:/srv')).toBe('')
    expect(await inside('cp-a', look)).toBe('site\nsite/link\nsite/page\nsite/sub\nsite/sub/page\n600 0\n/etc/passwd\n')
    await ok('cp', 'site/.', 'cp-a:/srv')
    await ok('cp', 'site', 'cp-a:srv/other')
    expect(await inside('cp-a', 'cd /srv; ls; ls other; stat -c %a .')).toBe(
      'link\nother\npage\nsite\nsub\nlink\npage\nsub\n755\n',
    )
  })

  test('a file: into a folder, by another name, in the place of one that is there', async () => {
    await sleeping('cp-b', 'echo old > /srv/old')
    await ok('cp', 'site/page', 'cp-b:/srv')
    await ok('cp', 'site/page', 'cp-b:/srv/new')
    await ok('cp', 'site/page', 'cp-b:/srv/old')
    expect(await inside('cp-b', 'cat /srv/page /srv/new /srv/old')).toBe('a page\n'.repeat(3))
  })

  test('into a volume of its own, and into a container in the foreground', async () => {
    const child = start(
      ...(['run', '--reference', '--name', 'cp-c', '--volume', './out:/mnt', '--', 'sh', '-c'] as const),
      'echo ready; read -r line',
    )
    await said(child, 'ready')
    await ok('cp', 'site/page', 'cp-c:/mnt')
    await ok('cp', 'site/page', 'cp-c:/srv')
    expect(out()).toEqual(['page'])
    expect(await inside('cp-c', 'cat /srv/page')).toBe('a page\n')
    child.stdin?.end('go\n')
    await new Promise((resolve) => child.once('close', resolve))
  })

  test('as root to one with a user namespace: all is its root’s', async () => {
    await ok('import', ROOTFS, 'base')
    const argv = ['-d', '--reference', '--userns', '--name', 'cp-d', 'base', '--', 'sleep', '600']
    mine('cp-d')
    await ok('run', ...argv)
    await ok('cp', 'site', 'cp-d:/srv')
    expect(await inside('cp-d', 'stat -c %u:%g /srv/site /srv/site/page; echo more >> /srv/site/page')).toBe(
      '0:0\n0:0\n',
    )
    await ok('cp', 'cp-d:/srv/site', 'out')
    expect(statSync(inFolder('out/site/page')).uid).toBe(0)
  })
})

describe('out of a container', () => {
  test('a folder, a file, and what links to what stays so', async () => {
    await sleeping(
      'cp-e',
      'mkdir /srv/d; echo x > /srv/d/x; ln /srv/d/x /srv/d/y; ln -s /etc/hosts /srv/d/l; chmod 640 /srv/d/x',
    )
    await ok('cp', 'cp-e:/srv/d', 'out')
    await ok('cp', 'cp-e:/srv/d/x', 'out/file')
    await ok('cp', 'cp-e:/srv/d/l', 'out/link')
    expect(out()).toEqual(['d', 'file', 'link'])
    expect(readFileSync(inFolder('out/d/y'), 'utf8')).toBe('x\n')
    expect(statSync(inFolder('out/d/x')).ino).toBe(statSync(inFolder('out/d/y')).ino)
    expect(lstatSync(inFolder('out/d/x')).mode & 0o7777).toBe(0o640)
    for (const link of ['out/d/l', 'out/link']) expect(readlinkSync(inFolder(link))).toBe('/etc/hosts')
  })

  test('a program that is root’s and setuid is that no more: here it would be for all', async () => {
    await sleeping('cp-f', 'cp /bin/true /srv/suid; chmod 6755 /srv/suid')
    await ok('cp', 'cp-f:/srv/suid', 'out')
    expect(lstatSync(inFolder('out/suid')).mode & 0o7777).toBe(0o755)
  })

  test('- is a tar', async () => {
    await sleeping('cp-g', 'mkdir /srv/d; echo x > /srv/d/x')
    expect((await box('cp', 'cp-g:/srv/d', '-')).stdout).toMatch(/^d\/\0.*x\n/s)
    const tar = spawnSync('tar', ['c', '-C', inFolder('site'), 'sub'])
    const { code } = await anyBox(['-', 'cp-g:/mnt'], { verb: 'cp', input: tar.stdout as never, env: storeOf() })
    expect(code).toBe(0)
    expect(await inside('cp-g', 'cat /mnt/sub/page')).toBe('another\n')
  })
})

describe('a container that wants to lead it elsewhere', () => {
  test('its links lead to where they lead the container', async () => {
    const away = inFolder('out')
    await sleeping('cp-h', `ln -s ${away} /srv/away; ln -s / /srv/root; ln -s ../../../../../..${away} /srv/up`)
    for (const link of ['away', 'up'])
      expect(await box('cp', 'site/page', `cp-h:/srv/${link}/page`)).toMatchObject({ code: 125, stdout: '' })
    await ok('cp', 'site/page', 'cp-h:/srv/root/srv/page')
    await ok('cp', 'site/page', 'cp-h:/../../../srv/other')
    expect(await inside('cp-h', 'ls /srv')).toBe('away\nother\npage\nroot\nup\n')
    expect(out()).toEqual([])
    expect(await box('cp', `cp-h:/srv/away/../site`, 'out')).toMatchObject({ code: 125 })
    await ok('cp', 'cp-h:/srv/root/etc/passwd', 'out')
    expect(readFileSync(inFolder('out/passwd'), 'utf8'), 'its own, not ours').toBe(
      await inside('cp-h', 'cat /etc/passwd'),
    )
  })

  test('a tar whose names lead up, or through links that it makes itself', async () => {
    await sleeping('cp-i')
    const away = inFolder('out')
    mkdirSync(inFolder('evil'), { recursive: true })
    writeFileSync(inFolder('evil/x'), 'x\n')
    const names = ['--transform', `s,^x$,../../../../../..${away}/x,`]
    const tar = spawnSync('tar', ['cP', '-C', inFolder('evil'), ...names, 'x'])
    await anyBox(['-', 'cp-i:/mnt'], { verb: 'cp', input: tar.stdout as never, env: storeOf() })
    expect(out()).toEqual([])
  })

  test('links that appear while it is written: the files land in the container', async () => {
    const away = inFolder('out')
    const swap = `while :; do rm -rf /srv/site; ln -sfn ${away} /srv/site; rm -f /srv/site; mkdir /srv/site; done`
    await sleeping('cp-j', `{ (${swap}) > /dev/null 2>&1 & }`)
    for (let i = 0; i < 5; i++) await box('cp', 'site', 'cp-j:/srv') // it may fail, as the folder goes away
    expect(out()).toEqual([])
  })
})

describe('bad input: what, why, what to do', () => {
  const table: [argv: string[], code: number, message: RegExp][] = [
    [[], 2, /what to copy is missing/],
    [['x'], 2, /where to is missing/],
    [['x', 'y'], 2, /neither is in a container/],
    [['a:/x', 'b:/y'], 2, /both are in containers/],
    [['./a:b', './c'], 2, /neither is in a container/],
    [['a:', './c'], 2, /a path in the container comes after the colon/],
    [['nope:/x', '.'], 125, /there is no container 'nope'/],
    [['cp-k:/nope', '.'], 125, /there is no \/nope in 'cp-k'/],
    [['cp-k:/etc', 'out/no/such'], 125, /there is no folder .*out\/no/],
    [['cp-k:/etc/passwd', 'out/no/'], 125, /there is no folder .*out\/no/],
    [['cp-k:/etc', 'site/page'], 125, /is there, and no folder/],
    [['./nope', 'cp-k:/srv'], 125, /there is no .*nope on this machine/],
    [['site', 'cp-k:/etc/passwd'], 125, /\/etc\/passwd is there, and no folder/],
    [['site', 'cp-k:/no/such'], 125, /there is no folder \/no/],
  ]
  test('all of them', async () => {
    await sleeping('cp-k')
    for (const [argv, code, message] of table) {
      const { stderr, code: ended } = await box('cp', ...argv)
      expect(stderr, argv.join(' ')).toMatch(message)
      expect(ended, argv.join(' ')).toBe(code)
    }
  })

  test('one that does not run, and one that is paused', async () => {
    await create('cp-l', 'true')
    expect((await box('cp', 'cp-l:/etc', 'out')).stderr).toMatch(/'cp-l' does not run.*npm run box -- start cp-l/)
    await sleeping('cp-m')
    await ok('pause', 'cp-m')
    expect((await box('cp', 'cp-m:/etc', 'out')).stderr).toMatch(/'cp-m' is paused: npm run box -- unpause cp-m/)
    expect(existsSync(inFolder('out/etc'))).toBe(false)
  })
})

function storeOf(): Record<string, string> {
  return { WORKSHOP_IMAGES: inFolder('store') }
}
