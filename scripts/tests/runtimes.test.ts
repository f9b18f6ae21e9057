import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'
import { RUNTIMES } from '../runtimes/all.ts'
import type { Measured } from '../runtimes/measure.ts'
import { type Answer, lacks } from '../runtimes/measure-all.ts'
import { crun } from '../runtimes/oci.ts'
import { namesIn, print } from '../runtimes/print.ts'
import { said } from './boxes.ts'
import { refusals } from './refusals.ts'

// What of the others is not installed, as on most machines, is skipped aloud. Ours is always there.

const COMMAND = ['--no-warnings', 'scripts/runtimes.ts']
const TIMEOUT = seconds(110)

function runtimes(args: string[], env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: project, encoding: 'utf8' as const, timeout: TIMEOUT }
  return spawnSync(process.execPath, [...COMMAND, ...args], {
    ...options,
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
}

let host: Measured
let answers: Answer[]
beforeAll(() => {
  const { stdout, stderr, status } = runtimes(['--json'])
  expect(status, stderr).toBe(0)
  ;({ host, runtimes: answers } = JSON.parse(stdout))
}, TIMEOUT)

/** The figures of a runtime, or why there are none. */
function look(wanted: string): { figures: Measured } | { missing: string } {
  const answer = answers.find(({ name }) => name === wanted)
  if (answer && 'measured' in answer) return { figures: answer.measured }
  if (answer && 'missing' in answer) return answer
  throw new Error(`${wanted} is installed, and was not measured: ${JSON.stringify(answer)}`)
}

const USUAL = ['ipc', 'mnt', 'net', 'pid', 'uts']

test('ours: its namespaces, its group, its fourteen capabilities, and who stays', () => {
  const found = look('box')
  if ('missing' in found) throw new Error(found.missing)
  const { own, cgroups, capEff, capBnd, noNewPrivs, seccomp, parents } = found.figures
  expect(own).toEqual(['cgroup', ...USUAL])
  expect(cgroups.filter(({ path }) => path.includes('/workshop-'))).not.toEqual([])
  expect(namesIn(capEff)).toHaveLength(14)
  expect(capBnd).toBe(capEff)
  expect([noNewPrivs, seccomp]).toEqual([true, 2])
  expect(parents.map(({ name }) => name)).toEqual(['supervisor', 'node init.ts'])
  const [supervisor, init] = parents
  expect(supervisor?.rss).toBeGreaterThan(0)
  expect(supervisor?.rss).toBeLessThan(init?.rss ?? 0) // it has given back the memory of a Node
})

// What each one's own documentation says of what it does unless told otherwise.
test.for([
  ['lxc', '[lxc monitor]', 'MAC_ADMIN', 2],
  ['nspawn', 'systemd-nspawn', 'MAC_ADMIN', 2],
  ['docker', 'containerd-shim-runc-v2', 'SYS_ADMIN', 2],
  ['containerd', 'containerd-shim-runc-v2', 'SYS_ADMIN', 0],
  ['podman', 'conmon', 'SYS_ADMIN', 2],
  ['runc', 'node init.ts', 'SYS_ADMIN', 0],
  ['crun', 'node init.ts', 'SYS_ADMIN', 0],
] as const)('%s: its namespaces, its parent, what it may not', ([name, parent, refused, seccomp], { skip }) => {
  const found = look(name)
  if ('missing' in found) return skip(`${name}: ${found.missing}`)
  const { own, cgroups, capEff, parents, ...figures } = found.figures
  expect(own).toEqual(expect.arrayContaining(USUAL))
  expect(own).not.toContain('user')
  expect(cgroups.filter(({ path }) => /workshop-|[0-9a-f]{64}/.test(path))).not.toEqual([])
  expect(namesIn(capEff)).toContain('KILL')
  expect(namesIn(capEff)).not.toContain(refused)
  expect(parents[0]?.name).toBe(parent)
  expect(figures.seccomp).toBe(seccomp)
})

test('every runtime has an answer, in order', () => {
  expect(answers.map(({ name }) => name)).toEqual(RUNTIMES.map(({ name }) => name))
})

describe('one image', () => {
  let saved: { manifest: string; id: string }
  let ran: { by: string; missing?: string }[]
  beforeAll(() => {
    const { stdout, stderr, status } = runtimes(['--image', '--json'])
    expect(status, stderr).toBe(0)
    ;({ saved, ran } = JSON.parse(stdout))
  }, TIMEOUT)

  test.for(['podman, runc', 'podman, crun', 'box'])('%s: the same digests, the same output', (by, { skip }) => {
    const one = ran.find((it) => it.by === by)
    if (one?.missing) return skip(`${by}: ${one.missing}`)
    expect(saved.manifest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(one).toEqual({ by, ...saved, printed: 'hello, world' })
  })
})

describe('as one types it', () => {
  /** The lines that are printed of these answers. */
  function printed(some: Answer[]): string[] {
    const log = vi.spyOn(console, 'log').mockReturnValue()
    print(host, some, [])
    const lines = log.mock.calls.flat().map((line) => stripVTControlCharacters(String(line)))
    log.mockRestore()
    return lines
  }

  test('tables of 80 columns', () => {
    const lines = printed(answers).flatMap((text) => text.split('\n'))
    expect(lines.filter((line) => line.startsWith('box ')).length, 'a line in each table').toBeGreaterThanOrEqual(4)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  })

  test('what is not installed, and how to get it', () => {
    const missing = lacks({ ...crun, programs: ['no-such-program'] }) ?? ''
    expect(printed([{ name: 'crun', missing }]).at(-1)).toBe('crun: not installed: apt-get install crun')
  })

  test('what refuses, in its own words', () => {
    const folder = mkdtempSync('/var/tmp/workshop-runtimes-')
    try {
      const words = `case "$*" in spec) echo '{"process": {}}' > config.json;; *) echo 'not on a Sunday' >&2; exit 1;; esac`
      writeFileSync(join(folder, 'crun'), `#!/bin/sh\n${words}\n`)
      chmodSync(join(folder, 'crun'), 0o755)
      const { stdout, status } = runtimes(['crun'], { PATH: `${folder}:${process.env.PATH}` })
      expect([status, stdout.split('\n')]).toEqual([0, expect.arrayContaining(['crun refuses: not on a Sunday'])])
      expect(stdout, 'in tables').toContain('Which namespaces are its own')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a shell in such a lab: its exit code is ours', () => {
    const { stdout, status } = runtimes(['box', '-c', 'ls $ROOTFS/etc/os-release; exit 3'])
    expect([status, stdout]).toEqual([3, '/run/workshop/rootfs/etc/os-release\n'])
  })

  const REFUSED: [args: string[], says: RegExp][] = [
    [['dokcer'], /no runtime 'dokcer' here. Did you mean docker\?/],
    [['--shell'], /which runtimes is the shell to have/],
    [['--image', '--shell', 'box'], /one at a time/],
    [['--jsno'], /Did you mean --json\?/],
  ]
  const refused = refusals(REFUSED.map(([args]) => ({ command: 'runtimes', args })))
  test.for(REFUSED.map((row, nth) => [...row, nth] as const))('%j is refused', async ([, says, nth]) => {
    expect(await refused(nth)).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
  })
})

describe('Ctrl-C', () => {
  /** Groups of such labs: by the name that is theirs alone, and by who opened them. */
  const groups = (opener = 0) => {
    const names = ['-name', 'workshop-lab-runtimes-*', '-o', '-name', `workshop-lab-${opener}-*`]
    return spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '(', ...names, ')'], { encoding: 'utf8' }).stdout
  }
  const files = () =>
    [tmpdir(), '/run'].flatMap((folder) => readdirSync(folder).filter((name) => /runtimes/.test(name)))

  test('ends all of it, and leaves nothing', { timeout: seconds(60) }, async () => {
    const before = [groups(), files()]
    const child = spawn(process.execPath, [...COMMAND, 'box', '-c', 'sleep 98765 & echo ready; wait'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    await said(child, 'ready')
    expect(groups(child.pid)).toContain(`workshop-lab-${child.pid}-`)
    child.kill('SIGINT')
    expect(await exit).toEqual([130, null])
    expect([groups(child.pid), files()]).toEqual(before)
    expect(spawnSync('pgrep', ['-fx', 'sleep 98765']).status).toBe(1)
  })
})
