import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { existing } from '#given/cgroups/hierarchies.ts'
import { kill } from '#given/libc.ts'
import { processes, status } from '#given/proc.ts'
import { project, ROOTFS } from '#given/spec.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { children } from './../lib/ledger.ts'
import { Collector } from '../observe/collector.ts'
import { result, until } from './boxes.ts'
import { box, create, gone, inFolder, inspect, list, listed, ok, ownStore, printed, run, start } from './keeping.ts'

// What is special about a container that nobody waits for: who its parent is, and what is left when one is killed.

ownStore()

const SIGKILL = 9
const SLEEP = 'echo ready; exec sleep 600'

describe('in the background', () => {
  test('its parent is a supervisor of its own, in a session of its own, which nobody waits for', async () => {
    const id = await run('kept-a', 'echo $$ $(cut -d" " -f4 /proc/1/stat); echo on 2 >&2; exec sleep 600')
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
    await run('kept-b', SLEEP)
    const { supervisor } = (await inspect('kept-b')).state
    const own = Number.parseInt(
      readFileSync(`/proc/${supervisor}/smaps_rollup`, 'utf8').match(/^Pss_Anon: +(\d+)/m)?.[1] ?? '',
      10,
    )
    expect(own, 'kilobytes').toBeLessThan(8 * 1024)
  })

  test('observe shows it, and the supervisor as the parent of its first process', async () => {
    const id = await run('kept-p', SLEEP)
    const { pid, supervisor } = (await inspect('kept-p')).state
    const { containers, processes } = await new Collector().now()
    expect(containers[id]).toMatchObject({ name: 'kept-p', pid })
    expect(processes[pid]).toMatchObject({ parent: supervisor })
    expect(processes[supervisor]?.name).toBe('supervisor')
  })

  test('its root is not built anew under it', async () => {
    await run('kept-q', SLEEP)
    const { ino } = statSync(ROOTFS)
    const rebuild = spawn(process.execPath, ['scripts/rootfs.ts', '--force'], { cwd: project })
    const { code, stderr } = await result(rebuild)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /rootfs is the root of what runs: .*\bkept-q\b.*\n {2}npm run box -- stop .*\bkept-q\b.* first\n/,
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
    const waits = start('wait', 'kept-d')
    kill(state.pid, SIGKILL)
    await gone(state.supervisor)
    expect((await result(waits)).stdout, 'who waited hears of it').toMatch(/^(137\n)?$/)
    expect(await listed('kept-d')).toBeUndefined()
    expect(existsSync(dirname(root.changes))).toBe(false)
  })
})

test('rm takes one with --rm that never ran', async () => {
  await create('kept-q', 'true', '--rm')
  expect(await ok('rm', 'kept-q')).toBe('kept-q\n')
  expect(await listed('kept-q')).toBeUndefined()
})

describe('names', () => {
  test('one that is kept has its name, whether it runs or not', async () => {
    await create('kept-e', 'true')
    const taken = { code: 125, stdout: '', stderr: expect.stringContaining("there is a container 'kept-e'") }
    expect(await box('create', '--reference', '--name', 'kept-e', '--', 'true')).toEqual(taken)
    expect(await box('run', '-d', '--reference', '--name', 'kept-e', '--', 'true')).toEqual(taken)
    expect(await box('run', '--reference', '--name', 'kept-e', '--', 'true')).toEqual(taken)
    await ok('rm', 'kept-e')
    await ok('run', '--reference', '--name', 'kept-e', '--', 'true')
  })

  test('of two who want one name, one gets it', async () => {
    const both = [1, 2].map(() => create('kept-f', 'true').then(String, () => 'refused'))
    expect((await Promise.all(both)).map((said) => said === 'refused')).toContain(true)
    expect((await list()).filter(({ name }) => name === 'kept-f')).toHaveLength(1)
  })

  test('a name, an id, and the beginning of one', async () => {
    const id = await create('kept-g', 'true')
    for (const wish of ['kept-g', id, id.slice(0, 8)]) expect((await inspect(wish)).id).toBe(id)
    expect((await box('inspect', 'kept-')).stderr).toMatch(/no container 'kept-'\. Did you mean kept-g\?/)
  })
})

describe('start', () => {
  test('after its end it starts again with the files that it changed, and its log goes on', async () => {
    await run('kept-h', 'ls /srv; echo x > /srv/x')
    expect(await ok('wait', 'kept-h')).toBe('0\n')
    expect(await ok('start', 'kept-h')).toBe('kept-h\n')
    expect(await ok('wait', 'kept-h')).toBe('0\n')
    expect(await ok('logs', 'kept-h')).toBe('x\n')
    expect(await ok('diff', 'kept-h')).toBe('C /srv\nA /srv/x\n')
  })

  test('of two at once, one wins', async () => {
    await create('kept-i', SLEEP)
    const both = await Promise.all([box('start', 'kept-i'), box('start', 'kept-i')])
    expect(both.map(({ code }) => code).sort()).toEqual([0, 125])
    expect(both.find(({ code }) => code === 125)?.stderr).toBe("box: the container 'kept-i' runs already\n")
    await printed('kept-i', 'ready')
    expect(await ok('logs', 'kept-i'), 'its command ran once').toBe('ready\n')
  })

  test('where it cannot be, it stays as it was created', async () => {
    await create('kept-j', 'true', '--workdir', '/nowhere')
    expect((await box('start', 'kept-j')).code).not.toBe(0)
    expect(await listed('kept-j')).toMatchObject({ status: 'created', exitCode: null })
  })
})

describe('killed', () => {
  test('the container: its exit code says so', async () => {
    const id = await run('kept-k', SLEEP)
    const { state } = await inspect('kept-k')
    kill(state.pid, SIGKILL)
    expect(await ok('wait', 'kept-k')).toBe('137\n')
    expect(await listed('kept-k')).toMatchObject({ status: 'exited', exitCode: 137 })
    expect(existing(id), 'its cgroup is gone').toEqual([])
  })

  test('its supervisor: it dies too, nobody knows how, and nothing of it is left outside', async () => {
    const id = await run('kept-l', `trap '' TERM; ${SLEEP}`)
    const { state } = await inspect('kept-l')
    kill(state.supervisor, SIGKILL)
    await gone(state.pid)
    expect(await listed('kept-l')).toMatchObject({ status: 'lost', pid: null })
    expect(existing(id), 'its cgroup, which the next command removes').toEqual([])
    expect((await box('ps', '-a')).stdout).toMatch(/kept-l .* Lost \d+ second/)
    expect(await ok('wait', 'kept-l')).toBe('137\n')
    await ok('start', 'kept-l')
    expect(await listed('kept-l')).toMatchObject({ status: 'running' })
  })

  test('its engine, in the middle: the container dies with it, or has never been', async () => {
    const id = await create('kept-m', SLEEP)
    const starts = start('start', 'kept-m')
    const engine = () =>
      processes().find((pid) => commandOf(pid).includes('given/detached.ts') && commandOf(pid).includes(id))
    await until(() => engine() !== undefined, 'the engine starts')
    kill(engine() ?? 0, SIGKILL)
    const { code, stderr } = await result(starts)
    expect({ code, stderr }).toEqual({
      code: 125,
      stderr: 'box: the engine was killed before its container had begun\n',
    })
    expect((await listed('kept-m'))?.status).toMatch(/^(created|exited)$/)
    expect(existing(id)).toEqual([])
    await ok('start', 'kept-m')
  })

  test('who creates, with the image held: it is free again', async () => {
    await ok('import', ROOTFS, 'held')
    const store = openStore(inFolder('store'))
    await store.hold(store.find('held'), { id: 'aaaaaaaaaaaa', name: 'kept-never' })
    expect(await ok('rmi', 'held')).toContain('untagged held:latest')
  })
})

test('an image is held until its container is removed', async () => {
  await ok('import', ROOTFS, 'used', '--cmd', 'true')
  await run('kept-n', 'exit 3', 'used')
  expect(await ok('wait', 'kept-n')).toBe('3\n')
  expect(await box('rmi', 'used')).toMatchObject({ code: 125, stderr: expect.stringContaining('kept-n') })
  expect(await ok('images')).toMatch(/USED BY\nused:latest .* kept-n\n/)
  expect(await ok('rm', 'kept-n')).toBe('kept-n\n')
  await run('kept-o', 'read -r line', '--rm', '--interactive', 'used')
  expect((await box('rmi', 'used')).stderr).toContain('kept-o')
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

async function inspectHost() {
  return (await import('#given/proc.ts')).namespaces('self')
}
