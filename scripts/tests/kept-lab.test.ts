import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type Lab, openLab, type Result } from '#given/labs.ts'
import { project } from '#given/spec.ts'
import { addLearner, GID, UID } from '#given/user/learner.ts'

// Kept containers that need a host of their own: with a network, and of one who is not root.

let host: Lab
let learner: string[]
beforeAll(async () => {
  host = await openLab({ cgroups: true })
  learner = await addLearner(host)
})
afterAll(() => host?.close())

function box(as: string[], verb: string, ...args: string[]): Promise<Result> {
  const command = [...as, process.execPath, '--no-warnings', `${project}/scripts/box.ts`, verb, ...args]
  return host.exec(command, { env: { XDG_RUNTIME_DIR: '/run', WORKSHOP_HERE: '1' } })
}

async function ok(as: string[], verb: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box(as, verb, ...args)
  expect({ code, stderr }, `${verb} ${args.join(' ')}`).toEqual({ code: 0, stderr: '' })
  return stdout
}

async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script])
  expect(code, stderr).toBe(0)
  return stdout
}

const ROOT: string[] = []
const inspect = async (as: string[], name: string) => JSON.parse(await ok(as, 'inspect', name))[0]
const links = () => sh('ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward')

describe('with a network', () => {
  const run = (name: string) =>
    ok(ROOT, 'run', '-d', '--reference', '--name', name, '--publish', '8080:80', '--', 'sleep', '600')

  test('it gives its address and its port back at its end, and gets them anew', async () => {
    const before = await links()
    const id = (await run('web')).trim()
    expect((await inspect(ROOT, 'web')).network).toMatchObject({ address: '10.213.0.2', cable: `ws-${id}` })
    expect(await links()).toContain(`ws-${id}`)
    expect(await ok(ROOT, 'port', 'web')).toBe('80/tcp -> 0.0.0.0:8080\n')
    expect(await ok(ROOT, 'ps')).toContain('8080->80/tcp')

    await ok(ROOT, 'kill', 'web')
    expect((await inspect(ROOT, 'web')).network).toMatchObject({ address: null })
    await ok(ROOT, 'run', '-d', '--reference', '--name', 'other', '--', 'sleep', '600')
    await ok(ROOT, 'start', 'web')
    const other = (await inspect(ROOT, 'other')).network.address
    expect([other, (await inspect(ROOT, 'web')).network.address]).toEqual(['10.213.0.2', '10.213.0.3'])
    expect(await ok(ROOT, 'exec', '--reference', 'web', '--', 'cat', '/etc/hosts')).toContain('10.213.0.2 other')

    expect(await ok(ROOT, 'rm', '-f', 'web', 'other')).toBe('web\nother\n')
    expect(await ok(ROOT, 'ps', '-aq')).toBe('')
    await untilSame(before)
  })

  test('a killed supervisor leaves its link, its table and its lease, and the next command removes them', async () => {
    const before = await links()
    const id = (await run('web')).trim()
    const { state } = await inspect(ROOT, 'web')
    await sh(`kill -KILL ${state.supervisor}; while [ -e /proc/${state.pid} ]; do sleep 0.05; done`)
    expect(await sh('nft list tables'), 'nobody has cleaned up yet').toContain(`workshop-${id}`)
    expect(await ok(ROOT, 'ps', '-a')).toMatch(/web .* Lost/)
    await untilSame(before)
    expect(await sh('nft list tables; ls -A /run/container-workshop 2> /dev/null || true')).toBe('')
    await ok(ROOT, 'rm', 'web')
  })

  /** The last cable and the bridge go in the background. */
  async function untilSame(before: string): Promise<void> {
    await sh(
      `for i in $(seq 500); do [ "$(ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward)" = "${before.trim()}" ] && exit; sleep 0.02; done; exit 1`,
    )
  }
})

test('undo leaves alone what is kept, and removes what was never finished', async () => {
  await ok(ROOT, 'run', '-d', '--reference', '--name', 'kept', '--net', 'none', '--', 'sleep', '600')
  await ok(ROOT, 'create', '--reference', '--name', 'later', '--net', 'none', '--', 'true')
  await sh('mkdir -p /run/workshop/containers/aaaaaaaaaaaa/upper')
  const undo = () => host.exec([process.execPath, '--no-warnings', `${project}/scripts/undo.ts`, '--force'])
  expect(await undo()).toMatchObject({ stdout: 'removed the changes of container aaaaaaaaaaaa\n', stderr: '' })
  expect((await undo()).stdout).toBe('Nothing to undo.\n')
  expect((await inspect(ROOT, 'kept')).state.status).toBe('running')
  await ok(ROOT, 'start', 'later')
  expect(await ok(ROOT, 'wait', 'later')).toBe('0\n')
  await ok(ROOT, 'rm', '-f', 'kept', 'later')
})

describe('without root', () => {
  const run = (name: string, script: string) =>
    ok(
      learner,
      'run',
      '-d',
      '--reference',
      '--name',
      name,
      '--net',
      'none',
      '/run/learner/root',
      '--',
      'sh',
      '-c',
      script,
    )

  beforeAll(async () => {
    await sh(`cp -a ${LAB_ROOTFS} /run/learner/root && chown -R ${UID}:${GID} /run/learner/root`)
  })

  test('a whole life: started, seen, stopped, started again, removed with all its files', async () => {
    await run('mine', 'ls /srv; mkdir -m 700 /srv/d; touch /srv/d/x; chown -R 5:5 /srv/d; echo ready; exec sleep 600')
    const { state, log } = await inspect(learner, 'mine')
    expect(state.status).toBe('running')
    expect(await sh(`stat -c %u /proc/${state.supervisor} ${log}`)).toBe(`${UID}\n${UID}\n`)
    expect(await ok(learner, 'ps')).toMatch(/mine .* Up/)
    expect(await ok(ROOT, 'ps'), 'root has others').not.toContain('mine')
    expect(await ok(learner, 'top', 'mine')).toMatch(/\n\d+ +1 +0 +sleeping +0:00 +sleep 600\n/)
    expect(await ok(learner, 'stop', '-t', '0', 'mine')).toBe('mine\n')
    await ok(learner, 'start', 'mine')
    await ok(learner, 'kill', 'mine')
    expect(await ok(learner, 'wait', 'mine')).toBe('137\n')
    expect(await ok(learner, 'rm', 'mine')).toBe('mine\n')
    expect(
      await sh('ls /run/learner/.local/share/container-workshop/containers'),
      'what is user 5’s has gone, too',
    ).toBe('')
  })

  test('cp: in there all is root’s, out here his', async () => {
    await run('files', 'exec sleep 600')
    await sh(
      `mkdir /run/learner/site /run/learner/out; echo x > /run/learner/site/x; chown -R ${UID}:${GID} /run/learner`,
    )
    await ok(learner, 'cp', '/run/learner/site', 'files:/srv')
    const look = ['sh', '-c', 'stat -c %u:%g /srv/site/x; chown 5:5 /srv/site/x']
    expect(await ok(learner, 'exec', '--reference', 'files', '--', ...look)).toBe('0:0\n')
    await ok(learner, 'cp', 'files:/srv/site', '/run/learner/out')
    expect(await sh('stat -c %u:%g /run/learner/out/site/x')).toBe(`${UID}:${GID}\n`)
    await ok(learner, 'rm', '-f', 'files')
  })

  test('its supervisor killed', async () => {
    await run('lost', 'exec sleep 600')
    const { state } = await inspect(learner, 'lost')
    await sh(`kill -KILL ${state.supervisor}; while [ -e /proc/${state.pid} ]; do sleep 0.05; done`)
    expect(await ok(learner, 'ps', '-a')).toMatch(/lost .* Lost/)
    await ok(learner, 'rm', 'lost')
  })
})
