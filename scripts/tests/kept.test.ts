import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { existing } from '#given/cgroups/hierarchies.ts'
import { kill } from '#given/libc.ts'
import { processes, status } from '#given/proc.ts'
import { smallRoot } from '#given/rootfs.ts'
import { project, ROOTFS } from '#given/spec.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { children } from './../lib/ledger.ts'
import { Collector } from '../observe/collector.ts'
import { result, until } from './boxes.ts'
import {
  box,
  create,
  ended,
  forAll,
  gone,
  inFolder,
  inspect,
  list,
  listed,
  ok,
  ownStore,
  printed,
  run,
  start,
} from './keeping.ts'
import { refusals } from './refusals.ts'

// What is special about a container that nobody waits for: who its parent is, and what is left when one is killed.

ownStore()

const SIGKILL = 9
const KILLED = { status: 'exited', exitCode: 137 }
const SLEEP = 'echo ready; exec sleep 600'

// One for all tests that only look at it.
let id: string
beforeAll(async () => {
  const script = 'echo $$ $(cut -d" " -f4 /proc/1/stat); echo on 2 >&2; exec sleep 600'
  id = await forAll('kept-a', run('kept-a', script))
})

describe('in the background', () => {
  test('its parent is a supervisor of its own, in a session of its own, which nobody waits for', async () => {
    expect(id).toMatch(/^[0-9a-f]{12}$/)
    const { state, log, kernel } = await inspect('kept-a')
    const { pid, supervisor } = state
    expect(Number(status(pid, 'PPid'))).toBe(supervisor)
    expect(status(supervisor, 'Name')).toBe('supervisor')
    await until(() => children(supervisor).length === 1, 'the engine goes')
    expect(children(supervisor)).toEqual([pid])
    const [, , , session] = readFileSync(`/proc/${supervisor}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    expect(Number(session)).toBe(supervisor)
    expect(Number(status(supervisor, 'PPid')), 'whoever started it has ended').not.toBe(process.pid)
    await printed('kept-a', 'on 2')
    expect(readFileSync(log, 'utf8'), 'inside it is pid 1, and has no parent').toBe('1 0\non 2\n')
    expect(kernel?.namespaces.pid).not.toBe((await inspectHost()).pid)
    expect(existing(id).length).toBeGreaterThan(0)
  })

  test('the supervisor has given back the memory of the Node that it was', async () => {
    const { supervisor } = (await inspect('kept-a')).state
    const own = Number.parseInt(
      readFileSync(`/proc/${supervisor}/smaps_rollup`, 'utf8').match(/^Pss_Anon: +(\d+)/m)?.[1] ?? '',
      10,
    )
    expect(own, 'kilobytes').toBeLessThan(8 * 1024)
  })

  test('observe shows it, and the supervisor as the parent of its first process', async () => {
    const { pid, supervisor } = (await inspect('kept-a')).state
    const { containers, processes } = await new Collector().now()
    expect(containers[id]).toMatchObject({ name: 'kept-a', pid })
    expect(processes[pid]).toMatchObject({ parent: supervisor })
    expect(processes[supervisor]?.name).toBe('supervisor')
  })

  test('its root is not built anew under it', async () => {
    const { ino } = statSync(ROOTFS)
    const rebuild = spawn(process.execPath, ['scripts/rootfs.ts', '--force'], { cwd: project })
    const { code, stderr } = await result(rebuild)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /rootfs is the root of what runs: .*\bkept-a\b.*\n {2}npm run box -- stop .*\bkept-a\b.* first\n/,
    )
    expect(statSync(ROOTFS).ino).toBe(ino)
  })

  test('a command that cannot be started leaves nothing', async () => {
    const { code, stdout, stderr } = await box('run', '-d', '--reference', '--name', 'kept-c', '--', 'no-such-command')
    expect({ code, stdout }).toEqual({ code: 127, stdout: '' })
    expect(stderr).toContain('no-such-command')
    expect(await listed('kept-c')).toBeUndefined()
  })

  test('--rm: it goes with its end', async () => {
    await run('kept-d', 'read -r line', '--rm', '--interactive')
    const { state, root } = await inspect('kept-d')
    const waited = result(start('wait', 'kept-d'))
    kill(state.pid, SIGKILL)
    await gone(state.supervisor)
    expect((await waited).stdout, 'who waited hears of it').toMatch(/^(137\n)?$/)
    expect(await listed('kept-d')).toBeUndefined()
    expect(existsSync(dirname(root.changes))).toBe(false)
  })
})

describe('names', () => {
  test('one that is kept has its name, and is there until it is removed, though with --rm it never ran', async () => {
    await create('kept-e', 'true', '--rm')
    const again = ['--reference', '--name', 'kept-e', '--', 'true']
    const lines = [{ verb: 'create', args: again }, { args: ['-d', ...again] }, { args: again }]
    const refusal = refusals(lines)
    const taken = { code: 125, stdout: '', stderr: expect.stringContaining("there is a container 'kept-e'") }
    for (const nth of lines.keys()) expect(await refusal(nth)).toEqual(taken)
    expect(await ok('rm', 'kept-e')).toBe('kept-e\n')
    expect(await listed('kept-e')).toBeUndefined()
    await ok('run', '--reference', '--name', 'kept-e', '--', 'true')
  })

  test('of two who want one name, one gets it', async () => {
    const both = [1, 2].map(() => create('kept-f', 'true').then(String, () => 'refused'))
    expect((await Promise.all(both)).map((said) => said === 'refused')).toContain(true)
    expect((await list()).filter(({ name }) => name === 'kept-f')).toHaveLength(1)
  })

  test('a name, an id, and the beginning of one', async () => {
    for (const wish of ['kept-a', id, id.slice(0, 8)]) expect((await inspect(wish)).id).toBe(id)
    expect((await box('inspect', 'kept-')).stderr).toMatch(/no container 'kept-'\. Did you mean kept-a\?/)
  })
})

describe('start', () => {
  test('of two at once, one wins', async () => {
    await create('kept-i', SLEEP)
    const both = await Promise.all([box('start', 'kept-i'), box('start', 'kept-i')])
    expect(both.map(({ code }) => code).sort()).toEqual([0, 125])
    expect(both.find(({ code }) => code === 125)?.stderr).toBe("box: the container 'kept-i' runs already\n")
    await printed('kept-i', 'ready')
    expect(await log('kept-i'), 'its command ran once').toBe('ready\n')
  })

  test('where it cannot be, it stays as it was created', async () => {
    await create('kept-j', 'true', '--workdir', '/nowhere')
    expect((await box('start', 'kept-j')).code).not.toBe(0)
    expect(await listed('kept-j')).toMatchObject({ status: 'created', exitCode: null })
  })
})

describe('killed', () => {
  test('it starts again, with the files that it changed, and its log goes on', async () => {
    const id = await run('kept-k', `trap '' TERM; ls /srv; echo x > /srv/x; ${SLEEP}`)
    await printed('kept-k', 'ready')
    kill((await inspect('kept-k')).state.pid, SIGKILL)
    await ended('kept-k')
    expect(await listed('kept-k'), 'the container: its exit code says so').toMatchObject(KILLED)
    expect(existing(id), 'its cgroup is gone').toEqual([])
    expect(await ok('start', 'kept-k')).toBe('kept-k\n')
    await printed('kept-k', 'ready\nx\nready\n')

    const { state } = await inspect('kept-k')
    kill(state.supervisor, SIGKILL)
    await gone(state.pid) // with its supervisor
    expect((await box('ps', '-a')).stdout, 'nobody knows how').toMatch(/kept-k .* Lost \d+ second/)
    expect(existing(id), 'its cgroup, which that command removed').toEqual([])
    expect(await listed('kept-k')).toMatchObject({ status: 'lost', pid: null })
    expect(await ok('wait', 'kept-k')).toBe('137\n')
    await ok('start', 'kept-k')
    expect(await listed('kept-k')).toMatchObject({ status: 'running' })
    await printed('kept-k', 'ready\nx\nready\nx\nready\n')
    expect(await ok('diff', 'kept-k')).toBe('C /srv\nA /srv/x\n')
  })

  test('its engine, in the middle: the container dies with it, or has never been', async () => {
    const id = await create('kept-m', SLEEP)
    const starts = start('start', 'kept-m')
    let engine = 0
    await until(() => {
      engine =
        processes().find((pid) => commandOf(pid).includes('given/detached.ts') && commandOf(pid).includes(id)) ?? 0
      return engine !== 0
    }, 'the engine starts')
    kill(engine, SIGKILL)
    const { code, stderr } = await result(starts)
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr: 'box: the engine was killed before its container had begun\n',
    })
    expect((await listed('kept-m'))?.status).toMatch(/^(created|exited)$/)
    expect(existing(id)).toEqual([])
    await ok('start', 'kept-m')
  })
})

test('an image is held until its containers are removed, and not by who was killed while he created one', async () => {
  smallRoot(inFolder('root'), ['sh'])
  const store = openStore(inFolder('store'))
  await store.import(inFolder('root'), { reference: 'used' })
  await store.hold(store.find('used'), { id: 'aaaaaaaaaaaa', name: 'kept-never' })
  await run('kept-n', 'exit 3', 'used')
  await run('kept-o', 'read -r line', '--rm', '--interactive', 'used')
  await ended('kept-n')
  const both = '(kept-n,? kept-o|kept-o,? kept-n)'
  const lines = [['rmi', 'used'], ['images'], ['rm', 'kept-n'], ['rmi', 'used']]
  const answer = refusals(lines.map(([verb = '', ...args]) => ({ verb, args })))
  const inUse = { code: 125, stderr: expect.stringMatching(`containers use it: ${both}\\. `) }
  expect(await answer(0)).toMatchObject(inUse)
  expect((await answer(1)).stdout).toMatch(new RegExp(`USED BY\nused:latest .* ${both}\n`))
  expect(await answer(2)).toEqual({ code: 0, stdout: 'kept-n\n', stderr: '' })
  expect((await answer(3)).stderr).toContain('the container kept-o uses used:latest')
  await ok('rm', '-f', 'kept-o') // it goes by itself
  expect(await ok('rmi', 'used')).toContain('untagged')
  expect(readdirSync(inFolder('store/users'))).toEqual([])
})

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const log = async (name: string) => readFileSync((await inspect(name)).log, 'utf8')

async function inspectHost() {
  return (await import('#given/proc.ts')).namespaces('self')
}
