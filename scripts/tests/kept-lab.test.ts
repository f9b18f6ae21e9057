import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type Lab, openLab, type Result } from '#given/labs.ts'
import type { Entry } from '#given/running.ts'
import { project } from '#given/spec.ts'
import { addLearner, GID, UID } from '#given/user/learner.ts'
import { boxCommand } from '../lib/box-command.ts'
import type { Refused } from './refusals.ts'

// Kept containers that need a host of their own: with a network, and of one who is not root.

let host: Lab
let learner: string[]
beforeAll(async () => {
  host = await openLab({ cgroups: true })
  learner = await addLearner(host)
})
afterAll(() => host?.close())

function box(as: string[], verb: string, ...args: string[]): Promise<Result> {
  const command = [...as, ...boxCommand(), verb, ...args]
  return host.exec(command, { env: ENV })
}
const ENV = { XDG_RUNTIME_DIR: '/run', WORKSHOP_HERE: '1' }

/** What several command lines print, of which none may fail: all of one process, whose start is most of what one takes. */
async function inOne(as: string[], ...lines: string[]): Promise<string[]> {
  const typed = lines.map((line) => line.split(' ')).map(([verb, ...args]) => ({ verb, args }))
  const command = [...as, process.execPath, '--no-warnings', `${project}/scripts/tests/fixtures/refusals.ts`]
  const { stdout, stderr } = await host.exec(command, { env: ENV, input: JSON.stringify(typed) })
  expect(stderr).toBe('')
  const answers: Refused[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(answers).toMatchObject(lines.map(() => ({ code: 0, stderr: '' })))
  return answers.map((answer) => answer.stdout)
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
const inspect = async (as: string[], ...names: string[]) => JSON.parse(await ok(as, 'inspect', ...names))

/** What is written down of one that runs: its supervisor is the engine. */
async function entry(name: string, folder = '/run/container-workshop'): Promise<Entry> {
  return JSON.parse(await sh(`cat ${folder}/${name}.json`))
}

/** Kills its supervisor, and with it the container. */
const killed = ({ engine, container }: Entry) =>
  sh(`kill -KILL ${engine.pid}; while [ -e /proc/${container.pid} ]; do sleep 0.05; done`)

const inside = ({ container }: Entry, script: string) => sh(`nsenter --target ${container.pid} --all sh -c '${script}'`)

describe('with a network', () => {
  const links = () => sh('ls /sys/class/net; cat /proc/sys/net/ipv4/ip_forward')

  test('it gives its address and its port back at its end, and gets them anew; what a killed supervisor leaves, the next command removes', async () => {
    const before = await links()
    const web = ['--name', 'web', '--publish', '8080:80', '--', 'sleep', '600']
    const id = (await ok(ROOT, 'run', '-d', '--reference', ...web)).trim()
    const [inspected = '', ps] = await inOne(ROOT, 'inspect web', 'ps')
    expect(JSON.parse(inspected)[0].network).toMatchObject({ address: '10.213.0.2', cable: `ws-${id}` })
    expect(await links()).toContain(`ws-${id}`)
    expect(await ok(ROOT, 'port', 'web')).toBe('80/tcp -> 0.0.0.0:8080\n')
    expect(ps).toContain('8080->80/tcp')

    await ok(ROOT, 'kill', 'web')
    await ok(ROOT, 'run', '-d', '--reference', '--name', 'other', '--', 'sleep', '600')
    const both = await inspect(ROOT, 'web', 'other')
    expect(both.map(({ network }: { network: object }) => network)).toMatchObject([
      { address: null },
      { address: '10.213.0.2' },
    ])
    await ok(ROOT, 'start', 'web')
    const again = await entry('web')
    expect(await inside(again, 'cat /etc/hosts')).toMatch(/\n10\.213\.0\.3 box web\n10\.213\.0\.2 other\n/)

    expect(await ok(ROOT, 'rm', '-f', 'other')).toBe('other\n')
    await killed(again)
    expect(await sh('nft list tables'), 'nobody has cleaned up yet').toContain(`workshop-${id}`)
    expect(await ok(ROOT, 'ps', '-a')).toMatch(/web .* Lost/)
    await untilSame(before)
    expect(await sh('nft list tables; ls -A /run/container-workshop 2> /dev/null || true')).toBe('')
    expect(await inOne(ROOT, 'rm web', 'ps -aq')).toEqual(['web\n', ''])
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
  expect(await sh(`cat /proc/${(await entry('kept')).container.pid}/comm`)).toBe('sleep\n')
  await ok(ROOT, 'start', '-a', 'later')
  await ok(ROOT, 'rm', '-f', 'kept', 'later')
})

test('without root: started, seen, stopped, started again, killed, lost, removed with all its files; and cp', async () => {
  await sh(`cp -a ${LAB_ROOTFS} /run/learner/root && chown -R ${UID}:${GID} /run/learner/root`)
  const script = 'ls /srv; mkdir -m 700 /srv/d; touch /srv/d/x; chown -R 5:5 /srv/d; echo ready; exec sleep 600'
  const mine = ['--name', 'mine', '--net', 'none', '/run/learner/root', '--', 'sh', '-c', script]
  await ok(learner, 'run', '-d', '--reference', ...mine)
  const [inspected = '', ps, top] = await inOne(learner, 'inspect mine', 'ps', 'top mine')
  const [{ state, log }] = JSON.parse(inspected)
  expect(state.status).toBe('running')
  expect(await sh(`stat -c %u /proc/${state.supervisor} ${log}`)).toBe(`${UID}\n${UID}\n`)
  expect(ps).toMatch(/mine .* Up/)
  expect(await ok(ROOT, 'ps'), 'root has others').not.toContain('mine')
  expect(top).toMatch(/\n\d+ +1 +0 +sleeping +0:\d\d +sleep 600\n/)

  await sh('mkdir /run/learner/site /run/learner/out; echo x > /run/learner/site/x')
  await sh(`chown -R ${UID}:${GID} /run/learner/site /run/learner/out`)
  await ok(learner, 'cp', '/run/learner/site', 'mine:/srv')
  const own = () => entry('mine', `/tmp/container-workshop-${UID}`)
  const look = 'stat -c %u:%g /srv/site/x; chown 5:5 /srv/site/x'
  expect(await inside(await own(), look), 'in there all is root’s').toBe('0:0\n')
  await ok(learner, 'cp', 'mine:/srv/site', '/run/learner/out')
  expect(await sh('stat -c %u:%g /run/learner/out/site/x'), 'out here his').toBe(`${UID}:${GID}\n`)

  expect(await ok(learner, 'stop', '-t', '0', 'mine')).toBe('mine\n')
  await ok(learner, 'start', 'mine')
  expect(await inOne(learner, 'kill mine', 'wait mine')).toEqual(['mine\n', '137\n'])
  await ok(learner, 'start', 'mine')
  await killed(await own())
  const [lost, removed] = await inOne(learner, 'ps -a', 'rm mine')
  expect(lost).toMatch(/mine .* Lost/)
  expect(removed).toBe('mine\n')
  const containers = '/run/learner/.local/share/container-workshop/containers'
  expect(await sh(`ls ${containers}`), 'what is user 5’s has gone, too').toBe('')
})
