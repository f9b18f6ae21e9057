import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { RUNNING, running } from '#given/running.ts'
import { box, said, start } from './boxes.ts'

beforeAll(() => void ensureRootfs())

const named = (name: string) => ['--reference', '--name', name, '--', 'sh', '-c', 'echo ready; sleep 60 & wait']
const files = () => (existsSync(RUNNING) ? readdirSync(RUNNING) : [])

test('a container is written down while it runs, and its name is taken so long', async () => {
  const child = start(named('web-1'))
  await said(child, 'ready')
  const entry = running().find(({ container }) => container.spec.name === 'web-1')
  expect(entry).toMatchObject({ engine: { pid: child.pid }, container: { pid: expect.any(Number) } })

  const second = await box(named('web-1'))
  expect(second).toMatchObject({ code: 125, stderr: expect.stringContaining("a container 'web-1' runs already") })

  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('what a killed engine has left, the next command removes', async () => {
  const child = start(named('web-2'))
  await said(child, 'ready')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(files()).toContain('web-2.json')
  expect(running().map(({ container }) => container.spec.name)).not.toContain('web-2')

  expect((await box(['--reference', '--name', 'web-2', '--', 'true'])).code).toBe(0)
  expect(files()).not.toContain('web-2.json')
})

test('a container that could not be started is not written down', async () => {
  expect((await box(['--reference', '--name', 'web-3', '--', 'no-such-command'])).code).toBe(127)
  expect(files()).not.toContain('web-3.json')
})

test.each(['', 'Web', '../x', 'a\nb', 'x'.repeat(4096)])('a name that is none: %j', async (name) => {
  const { code, stderr } = await box(['--reference', '--name', name, '--', 'true'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--name') })
  expect(stderr.length).toBeLessThan(300)
})
