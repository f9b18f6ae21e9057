import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assemble } from '#given/capabilities/filter.ts'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { DEFAULT_CAPABILITIES, PRIVILEGES } from '#given/capabilities/privileges.ts'
import type { Spec } from '#given/mechanism.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { spec } from '#given/spec.ts'
import { range } from '#given/user/ids.ts'
import { decode } from '../../solutions/09-capabilities/capabilities.ts'
import * as options from '../box/options/privileges.ts'
import { box, said, start } from './boxes.ts'
import { inRoot } from './in-root.ts'
import { refusals } from './refusals.ts'

/** A root that tests may write to: what one makes in the shared one would stay. */
let rootfs: string
beforeAll(() => {
  rootfs = join(mkdtempSync(join(tmpdir(), 'workshop-privileges-')), 'rootfs')
  cpSync(ensureRootfs(), rootfs, { recursive: true, verbatimSymlinks: true })
})
afterAll(() => rmSync(join(rootfs, '..'), { recursive: true, force: true }))

const run = (options: string[], script: string) => box(['--reference', ...options, rootfs, '--', 'sh', '-c', script])

/** The set of capabilities in a line of /proc/<pid>/status. */
const decoded = (line: string) => decode(line.match(/[0-9a-f]{16}/)?.[0] ?? '')
const sorted = (names: string[]) => CAPABILITIES.filter((name) => names.includes(name))

describe('capabilities', () => {
  type Row = [options: { 'cap-add'?: string[]; 'cap-drop'?: string[] }, expected: string[]]
  test.each<Row>([
    [{ 'cap-drop': ['all'] }, []],
    [{ 'cap-drop': ['chown,CAP_Kill', 'mknod'] }, DEFAULT_CAPABILITIES.filter((n) => !/CHOWN|KILL|MKNOD/.test(n))],
    [{ 'cap-add': ['sys_ptrace, cap_syslog'] }, [...DEFAULT_CAPABILITIES, 'SYS_PTRACE', 'SYSLOG']],
    [{ 'cap-drop': ['ALL'], 'cap-add': ['NET_RAW'] }, ['NET_RAW']],
    [{ 'cap-add': ['all'], 'cap-drop': ['sys_boot'] }, CAPABILITIES.filter((n) => n !== 'SYS_BOOT')],
  ])('%j', async (asked, expected) => {
    const { privileges } = await options.read(asked)
    expect(sorted(privileges?.capabilities ?? [])).toEqual(sorted(expected))
  })

  test.each([
    [
      '--cap-drop chown,CAP_Kill --cap-drop mknod --cap-add sys_ptrace,cap_syslog',
      /CHOWN|KILL|MKNOD/,
      ['SYS_PTRACE', 'SYSLOG'],
    ],
    ['--cap-drop ALL --cap-add NET_RAW', /./, ['NET_RAW']],
  ])('%s, as the kernel has it', async (words, dropped, added) => {
    const { stdout, stderr } = await run(words.split(' '), 'grep CapEff /proc/self/status')
    expect(stderr).toBe('')
    expect(decoded(stdout)).toEqual(sorted([...DEFAULT_CAPABILITIES.filter((name) => !dropped.test(name)), ...added]))
  })

  test('--privileged: all that the host has, and all of /proc, and no filter', async () => {
    const look = 'grep -E "CapBnd|NoNew|Seccomp:" /proc/self/status; mount -t tmpfs t /mnt && wc -c < /proc/keys'
    const { stdout, stderr } = await run(['--privileged'], look)
    expect(stderr).toBe('')
    const [capBnd, noNewPrivs, seccomp, keys] = stdout.split('\n').map((line) => line.split('\t').pop())
    expect([capBnd, noNewPrivs, seccomp]).toEqual([bounding(), '0', '0'])
    expect(Number(keys)).toBeGreaterThan(0)
  })

  test('one that the starter has not is no gift of his', async () => {
    const args = ['run', '--reference', '--cap-add', 'sys_time', rootfs, '--', 'true']
    const under = ['setpriv', '--bounding-set', '-sys_time']
    const { code, stderr } = await box(args.slice(1), { under })
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(/--cap-add SYS_TIME: .* has not/) })
  })
})

describe('bad input', () => {
  const table: [options: string[], words: string][] = [
    [['--cap-add', 'sys_tiem'], 'Did you mean SYS_TIME?'],
    [['--cap-drop', 'CAP_NET_RAM'], 'Did you mean NET_RAW?'],
    [['--cap-add', ''], '--cap-add ""'],
    [['--cap-add', `x\n${'y'.repeat(4096)}`], 'there is no such capability'],
    [['--cap-add', 'chown', '--cap-drop', 'CHOWN'], 'which of the two'],
    [['--cap-add', 'all', '--cap-drop', 'all'], 'which of the two'],
    [['--user', ''], '--user ""'],
    [['--user', '1:2:3'], 'USER:GROUP'],
    [['--user', '-1'], '--user'],
    [['--user=-1'], '--user "-1"'],
    [['--user', '4294967295'], 'from 0 to 4294967294'],
    [['--user', 'a b'], '--user "a b"'],
    [['--user', '../x'], '--user "../x"'],
    [['--group-add', 'x\ny'], '--group-add'],
    [['--without', 'capabilities', '--user', '1000'], "for the mechanism 'capabilities'"],
    [['--seccomp', 'none'], 'default or unconfined'],
    [['--seccomp', 'default', '--new-privileges'], 'no filter'],
  ]
  const refused = refusals(table.map(([options]) => ({ args: ['--reference', ...options, '--', 'true'] })))
  test.each(table.map((row, i) => [...row, i] as const))('%j', async (_, words, i) => {
    const { code, stderr } = await refused(i)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(words) })
    expect(stderr.length).toBeLessThan(400)
  })
})

describe('the user', () => {
  /** Whom the init finds in the root. */
  const find = (...asked: (Pick<Spec, 'privileges'> & Partial<Spec>)[]) => {
    const specs = asked.map((wish) => spec({ rootfs, argv: ['true'], mechanisms: [], ...wish }))
    return inRoot({ root: rootfs, step: 'user', specs })
  }
  const as = (user: string | undefined, ...groups: string[]) => ({
    privileges: { ...PRIVILEGES, groups, ...(user === undefined ? {} : { user }) },
  })

  test('by name or number, with his groups and his home', async () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv/web:/bin/sh\n'
    writeFileSync(join(rootfs, 'etc/passwd'), passwd)
    writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nweb:x:34:\ntty:x:5:x,web\nlog:x:6:\n')
    const web = { uid: 33, gid: 34, groups: [5], home: '/srv/web' }
    const other = { uid: 77, gid: 0, groups: [] }
    const users = [as('web'), as('33'), as('77'), { ...as('77'), env: { HOME: '/x' } }, as(undefined, 'log')]
    const root = { uid: 0, gid: 0, groups: [6], home: '/root' }
    expect(await find(...users)).toEqual([web, web, { ...other, home: '/' }, { ...other, home: '/x' }, root])

    const look = 'id -u; id -g; id -G; echo $HOME'
    expect((await run(['--user', 'web:log', '--group-add', '7'], look)).stdout).toBe('33\n6\n6 5 7\n/srv/web\n')
  })

  test('one that the user namespace does not map', async () => {
    const ids = range(2_000_000_000, 2_000_000_000)
    const asked = [as('65535'), as('65536')].map((wish) => ({ ...wish, ids, mechanisms: ['user'] }))
    expect(await find(...asked)).toEqual([
      expect.objectContaining({ uid: 65535 }),
      { message: expect.stringContaining('has no user 65536'), exitCode: 125 },
    ])
  })

  test('an image whose passwd is a trap', async () => {
    const passwd = join(rootfs, 'etc/passwd')
    const secret = join(rootfs, '../secret') // outside of the root
    writeFileSync(secret, 'bob:x:1:1::/:/bin/sh\n')
    const plant = (trap: () => void) => {
      rmSync(passwd, { recursive: true, force: true })
      trap()
    }
    plant(() => symlinkSync(secret, passwd))
    const { code, stderr } = await run(['--user', 'bob'], 'true')
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining("/etc/passwd knows no 'bob'") })
    for (const trap of [
      () => execFileSync('mkfifo', [passwd]),
      () => mkdirSync(passwd),
      () => execFileSync('truncate', ['--size', '1G', passwd]),
    ]) {
      plant(trap)
      expect(await find(as('bob'))).toEqual([{ message: expect.stringContaining("knows no 'bob'"), exitCode: 125 }])
    }
    rmSync(passwd, { recursive: true, force: true })
  })

  test('a command that he may not execute, a folder that he may not enter', async () => {
    mkdirSync(join(rootfs, 'closed'))
    writeFileSync(join(rootfs, 'closed/run'), '#!/bin/sh\n')
    chmodSync(join(rootfs, 'closed/run'), 0o755)
    chmodSync(join(rootfs, 'closed'), 0o700)
    const enter = await box(['--reference', '--user', '1', '--workdir', '/closed', rootfs, '--', 'true'])
    expect(enter).toMatchObject({ code: 125, stderr: expect.stringContaining('EACCES') })
    expect((await box(['--reference', '--user', '1', rootfs, '--', '/closed/run'])).code).toBe(126)
  })

  test('with --init, which is that user as well, signals still arrive', async () => {
    const script = 'trap "exit 7" HUP; echo ready; while :; do sleep 0.05; done'
    const child = start(['--reference', '--user', '1000', '--init', rootfs, '--', 'sh', '-c', script])
    await said(child, 'ready')
    child.kill('SIGHUP')
    const [code] = await once(child, 'exit')
    expect(code).toBe(7)
  })
})

describe('with --init', () => {
  test('root without KILL still passes signals on to a command of another user, which has not got it', async () => {
    const another = 'trap "exit 7" HUP; echo ready; while :; do sleep 0.05; done'
    const script = `grep CapPrm /proc/self/status; exec capsh --user=nobody -- -c '${another}'`
    writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n')
    const child = start(['--reference', '--init', '--cap-drop', 'kill', rootfs, '--', 'sh', '-c', script])
    expect(decoded(await said(child, 'ready'))).toEqual(sorted(DEFAULT_CAPABILITIES.filter((name) => name !== 'KILL')))
    child.kill('SIGHUP')
    const [code] = await once(child, 'exit')
    expect(code).toBe(7)
  })

  test("the container does not get at the init's program, nor at its threads", async () => {
    const look = 'exec 2>&1; head -c 4 /proc/1/exe; ls /proc/1/root; for t in /proc/1/task/*; do ls $t/cwd; done; true'
    const { stdout } = await run(['--init'], look)
    expect(stdout).toContain('Permission denied')
    for (const line of stdout.trim().split('\n')) expect(line).toContain('Permission denied')
  })
})

describe('what is covered', () => {
  test('nothing knows or changes the kernel', async () => {
    const look = `cat /proc/keys /proc/timer_list /proc/kcore | wc -c; ls -A /proc/acpi /sys/firmware | grep -v :
      for f in sys/kernel/panic irq/default_smp_affinity; do echo 1 > /proc/$f; done`
    const { stdout, stderr } = await run(['--seccomp', 'unconfined'], look)
    expect(stdout.trim()).toBe('0')
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2)
  })
})

describe('the filter', () => {
  test('beside the fourteen capabilities, refuses what needs none: keys, new namespaces; clone3 gets no answer', async () => {
    const look =
      'grep CapEff /proc/self/status; unshare --user true; ping -c 1 -W 1 127.0.0.1 > /dev/null; (true); echo lives'
    const { stdout, stderr } = await run([], look)
    expect(stderr).toContain('Operation not permitted')
    expect(stdout).toMatch(/^CapEff:.*\nlives\n$/)
    expect(decoded(stdout)).toEqual(sorted(DEFAULT_CAPABILITIES))
  })

  test('knows for each capability what it opens', () => {
    const calls = (capabilities: string[]) => assemble(capabilities).length
    expect(calls(CAPABILITIES)).toBeLessThan(calls([...DEFAULT_CAPABILITIES, 'SYS_ADMIN']))
    expect(calls([...DEFAULT_CAPABILITIES, 'SYS_ADMIN'])).toBeLessThan(calls(DEFAULT_CAPABILITIES))
    for (const [, , ifTrue = 0, ifFalse = 0] of assemble([])) expect(Math.max(ifTrue, ifFalse)).toBeLessThan(256)
  })

  test('--new-privileges: setuid programs work, and there is no filter', async () => {
    cpSync(join(rootfs, 'bin/id'), join(rootfs, 'bin/setuid-id'), { dereference: true })
    chmodSync(join(rootfs, 'bin/setuid-id'), 0o4755)
    const look = 'setuid-id -u; grep Seccomp: /proc/self/status'
    expect((await run(['--user', '1000'], look)).stdout).toBe('1000\nSeccomp:\t2\n')
    expect((await run(['--user', '1000', '--new-privileges'], look)).stdout).toBe('0\nSeccomp:\t0\n')
  })
})

/** The bounding set of this machine's root, as the kernel prints it. */
function bounding(): string {
  return execFileSync('grep', ['CapBnd', '/proc/self/status'], { encoding: 'utf8' }).match(/[0-9a-f]{16}/)?.[0] ?? ''
}
