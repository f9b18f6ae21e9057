import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'
import { project } from '#given/spec.ts'

let host: Lab
beforeAll(async () => {
  host = await openLab({ cgroups: true }) // or it would see, and remove, those of this machine's containers
})
afterAll(() => host.close())

const sh = (script: string) => host.exec(['sh', '-c', script])
const undo = (...options: string[]) =>
  host.exec([process.execPath, '--no-warnings', join(project, 'scripts/undo.ts'), '--force', ...options])

/** A cgroup with a frozen process in it: on v1 the freezer's hierarchy, on v2 the only one. */
const unified = existsSync('/sys/fs/cgroup/cgroup.controllers')
const hierarchy = unified ? 'mount -t cgroup2 none /run/cgroup' : 'mount -t cgroup -o freezer none /run/cgroup'
const freeze = unified ? 'echo 1 > $c/cgroup.freeze' : 'echo FROZEN > $c/freezer.state'
const frozen = unified ? 'grep -q "frozen 1" $c/cgroup.events' : 'grep -q FROZEN $c/freezer.state'
const leave = `
  mkdir -p /run/cgroup && ${hierarchy}
  c=/run/cgroup/workshop-undo-test-${process.pid}
  mkdir -p $c/inner
  sleep 600 > /dev/null 2>&1 & sleeper=$!
  echo $sleeper > $c/inner/cgroup.procs
  ${freeze}
  until ${frozen}; do sleep 0.05; done
  ip link add ws-test type veth peer name ws-peer
  nft add table ip workshop-test; nft add table ip theirs
  mkdir -p /tmp/workshop-left/behind /tmp/not-ours
  touch /run/workshop-left
  mkdir -p /run/workshop/containers/left/upper
  echo $sleeper`

test('undo finds what carries our name, and --dry-run only says so', async () => {
  const left = await sh(leave)
  expect(left.stderr).toBe('')
  const pid = left.stdout.trim()
  const said = await undo('--dry-run')
  for (const what of [
    '/inner',
    '/tmp/workshop-left',
    '/run/workshop-left',
    'the changes of container left',
    'network link ws-test',
    'table ip workshop-test',
  ]) {
    expect(said.stdout).toMatch(new RegExp(`would remove .*${what}`))
  }
  expect((await sh(`ls -d /tmp/workshop-left /proc/${pid}`)).code).toBe(0)
})

test('undo thaws before it kills, and leaves alone what is not ours', async () => {
  const done = await undo()
  expect(done.stderr).toBe('')
  expect(done.code).toBe(0)
  const left = await sh(
    'ls -d /run/cgroup/workshop-undo-test-* /tmp/workshop-* /run/workshop-* /run/workshop/containers/* /sys/class/net/ws-*; ls -d /tmp/not-ours; nft list tables',
  )
  expect(left.stdout).toBe('/tmp/not-ours\ntable ip theirs\n')
  expect((await sh('ps -C sleep')).code, 'the frozen process is gone too').toBe(1)
  expect((await undo()).stdout).toBe('Nothing to undo.\n')
})
