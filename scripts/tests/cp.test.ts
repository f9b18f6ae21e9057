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
import { smallRoot } from '#given/rootfs.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { box as anyBox, said } from './boxes.ts'
import { box, create, forAll, inFolder, listed, mine, ok, ownStore, run, start } from './keeping.ts'
import { type Line, refusals } from './refusals.ts'

// box cp: files on their way in and out, and what a container could do to lead them elsewhere.

/** How many of a matter of chance: 0.1 in the emulated VM. */
const LOAD = Number(process.env.WORKSHOP_LOAD ?? 1)

ownStore()
beforeAll(() => {
  mkdirSync(inFolder('site/sub'), { recursive: true })
  writeFileSync(inFolder('site/page'), 'a page\n')
  writeFileSync(inFolder('site/sub/page'), 'another\n', { mode: 0o600 })
  symlinkSync('/etc/passwd', inFolder('site/link'))
})
// One that sleeps, for all: each test has its /srv and /mnt for itself, and they are empty.
beforeAll(() => forAll('cp-a', run('cp-a', 'exec sleep 600')))
beforeEach(async () => {
  rmSync(inFolder('out'), { recursive: true, force: true })
  mkdirSync(inFolder('out'))
  await inside('cp-a', 'rm -rf /srv/* /mnt/*')
})

/** Runs a script in a container, past our own `exec`. */
async function inside(name: string, script: string): Promise<string> {
  const pid = String((await listed(name))?.pid)
  const { status, stdout, stderr } = spawnSync('nsenter', ['--target', pid, '--all', 'sh', '-c', script], UTF8)
  expect({ status, stderr }, script).toEqual({ status: 0, stderr: '' })
  return stdout
}
const UTF8 = { encoding: 'utf8' as const }
const out = () => readdirSync(inFolder('out')).sort()

describe('into a container', () => {
  test('a folder with all in it: as it is, or what is in it, or by another name', async () => {
    const look = 'cd /srv; find * | sort; stat -c "%a %u" site/sub/page; readlink site/link'
    expect(await ok('cp', './site', 'cp-a:/srv')).toBe('')
    expect(await inside('cp-a', look)).toBe('site\nsite/link\nsite/page\nsite/sub\nsite/sub/page\n600 0\n/etc/passwd\n')
    await ok('cp', 'site/.', 'cp-a:/srv')
    await ok('cp', 'site', 'cp-a:srv/other')
    expect(await inside('cp-a', 'cd /srv; ls; ls other; stat -c %a .')).toBe(
      'link\nother\npage\nsite\nsub\nlink\npage\nsub\n755\n',
    )
  })

  test('a file: by another name, in the place of one that is there', async () => {
    await inside('cp-a', 'echo old > /srv/old')
    await ok('cp', 'site/page', 'cp-a:/srv/new')
    await ok('cp', 'site/page', 'cp-a:/srv/old')
    expect(await inside('cp-a', 'cat /srv/new /srv/old')).toBe('a page\n'.repeat(2))
  })

  test('a file into a folder: into a volume of its own as well, and into a container in the foreground', async () => {
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
    smallRoot(inFolder('root'), ['sh', 'sleep', 'stat'])
    await openStore(inFolder('store')).import(inFolder('root'), { reference: 'base' })
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
  test('a folder, a file, and what links to what stays so; what is root’s and setuid is that no more', async () => {
    await inside('cp-a', 'mkdir /srv/d; cd /srv/d; echo x > x; ln x y; ln -s /etc/hosts l; chmod 640 x')
    await inside('cp-a', 'cp /bin/true /srv/d/suid; chmod 6755 /srv/d/suid')
    await ok('cp', 'cp-a:/srv/d', 'out')
    await ok('cp', 'cp-a:/srv/d/suid', 'out/file')
    await ok('cp', 'cp-a:/srv/d/l', 'out/link')
    expect(out()).toEqual(['d', 'file', 'link'])
    expect(readFileSync(inFolder('out/d/y'), 'utf8')).toBe('x\n')
    expect(statSync(inFolder('out/d/x')).ino).toBe(statSync(inFolder('out/d/y')).ino)
    const mode = (name: string) => lstatSync(inFolder(name)).mode & 0o7777
    expect(mode('out/d/x')).toBe(0o640)
    for (const link of ['out/d/l', 'out/link']) expect(readlinkSync(inFolder(link))).toBe('/etc/hosts')
    for (const program of ['out/d/suid', 'out/file']) expect(mode(program), 'here it would be for all').toBe(0o755)
  })

  test('- is a tar', async () => {
    await inside('cp-a', 'mkdir /srv/d; echo x > /srv/d/x')
    expect((await box('cp', 'cp-a:/srv/d', '-')).stdout).toMatch(/^d\/\0.*x\n/s)
    const tar = spawnSync('tar', ['c', '-C', inFolder('site'), 'sub'])
    const { code } = await anyBox(['-', 'cp-a:/mnt'], { verb: 'cp', input: tar.stdout as never })
    expect(code).toBe(0)
    expect(await inside('cp-a', 'cat /mnt/sub/page')).toBe('another\n')
  })
})

describe('a container that wants to lead it elsewhere', () => {
  test('its links lead to where they lead the container', async () => {
    const away = inFolder('out')
    await inside('cp-a', `cd /srv; ln -s ${away} away; ln -s / root; ln -s ../../../../../..${away} up`)
    const lines = ['site/page cp-a:/srv/away/page', 'site/page cp-a:/srv/up/page', 'cp-a:/srv/away/../site out']
    const refusal = refusals(lines.map(cp), () => inFolder(''))
    for (const nth of lines.keys()) expect(await refusal(nth), lines[nth]).toMatchObject({ code: 125, stdout: '' })
    await ok('cp', 'site/page', 'cp-a:/srv/root/srv/page')
    await ok('cp', 'site/page', 'cp-a:/../../../srv/other')
    expect(await inside('cp-a', 'ls /srv')).toBe('away\nother\npage\nroot\nup\n')
    expect(out()).toEqual([])
    await ok('cp', 'cp-a:/srv/root/etc/passwd', 'out')
    expect(readFileSync(inFolder('out/passwd'), 'utf8'), 'its own, not ours').toBe(
      await inside('cp-a', 'cat /etc/passwd'),
    )
  })

  test('a tar whose names lead up, or through links that it makes itself', async () => {
    const away = inFolder('out')
    mkdirSync(inFolder('evil'), { recursive: true })
    writeFileSync(inFolder('evil/x'), 'x\n')
    const names = ['--transform', `s,^x$,../../../../../..${away}/x,`]
    const tar = spawnSync('tar', ['cP', '-C', inFolder('evil'), ...names, 'x'])
    await anyBox(['-', 'cp-a:/mnt'], { verb: 'cp', input: tar.stdout as never })
    expect(out()).toEqual([])
  })

  test('links that appear while it is written: the files land in the container', async () => {
    const away = inFolder('out')
    const swap = `while :; do rm -rf /srv/site; ln -sfn ${away} /srv/site; rm -f /srv/site; mkdir /srv/site; done`
    await run('cp-j', `(${swap}) > /dev/null 2>&1`)
    for (let i = 0; i < Math.max(2, 5 * LOAD); i++) await box('cp', 'site', 'cp-j:/srv') // it may fail, as the folder goes
    expect(out()).toEqual([])
  })
})

describe('bad input: what, why, what to do', () => {
  const table: [line: string, code: number, message: RegExp][] = [
    ['', 2, /what to copy is missing/],
    ['x', 2, /where to is missing/],
    ['x y', 2, /neither is in a container/],
    ['a:/x b:/y', 2, /both are in containers/],
    ['./a:b ./c', 2, /neither is in a container/],
    ['a: ./c', 2, /a path in the container comes after the colon/],
    ['nope:/x .', 125, /there is no container 'nope'/],
    ['cp-a:/nope .', 125, /there is no \/nope in 'cp-a'/],
    ['cp-a:/etc out/no/such', 125, /there is no folder .*out\/no/],
    ['cp-a:/etc/passwd out/no/', 125, /there is no folder .*out\/no/],
    ['cp-a:/etc site/page', 125, /is there, and no folder/],
    ['./nope cp-a:/srv', 125, /there is no .*nope on this machine/],
    ['site cp-a:/etc/passwd', 125, /\/etc\/passwd is there, and no folder/],
    ['site cp-a:/no/such', 125, /there is no folder \/no/],
  ]
  const refusal = refusals(
    table.map(([line]) => cp(line)),
    () => inFolder(''),
  )

  test.each(table.map((row, nth) => [nth, ...row] as const))('%i cp %s', async (nth, _, code, message) => {
    const { stderr, code: ended } = await refusal(nth)
    expect(stderr).toMatch(message)
    expect(ended).toBe(code)
  })

  test('one that does not run, and one that is paused', async () => {
    await create('cp-l', 'true')
    await ok('pause', 'cp-a')
    try {
      const refusal = refusals(['cp-l:/etc out', 'cp-a:/etc out'].map(cp), () => inFolder(''))
      expect((await refusal(0)).stderr).toMatch(/'cp-l' does not run.*npm run box -- start cp-l/)
      expect((await refusal(1)).stderr).toMatch(/'cp-a' is paused: npm run box -- unpause cp-a/)
      expect(existsSync(inFolder('out/etc'))).toBe(false)
    } finally {
      await ok('unpause', 'cp-a')
    }
  })
})

function cp(line: string): Line {
  return { verb: 'cp', args: line.split(' ').filter((word) => word !== '') }
}
