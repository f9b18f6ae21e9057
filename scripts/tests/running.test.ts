import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { RUNNING, running } from '#given/running.ts'
import { box, said, start } from './boxes.ts'
import { refusals } from './refusals.ts'

beforeAll(() => void ensureRootfs())

const named = (...command: string[]) => ['--reference', '--name', 'web-1', '--', ...command]
const files = () => (existsSync(RUNNING) ? readdirSync(RUNNING) : [])

test('a container is written down while it runs, and its name is taken so long', async () => {
  const child = start(named('sh', '-c', 'echo ready; sleep 60 & wait'))
  await said(child, 'ready')
  const entry = running().find(({ container }) => container.spec.name === 'web-1')
  expect(entry).toMatchObject({ engine: { pid: child.pid }, container: { pid: expect.any(Number) } })

  const second = await box(named('true'))
  expect(second).toMatchObject({ code: 125, stderr: expect.stringContaining("a container 'web-1' runs already") })

  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(files(), 'what a killed engine has left').toContain('web-1.json')
  expect(running().map(({ container }) => container.spec.name)).not.toContain('web-1')

  // 127: it came to its command, so the next one has removed what was left, and had the name for itself.
  expect(await box(named('no-such-command'))).toMatchObject({ code: 127 })
  expect(files(), 'a container that could not be started is not written down').not.toContain('web-1.json')
})

const NO_NAMES = ['', 'Web', '../x', 'a\nb', 'x'.repeat(4096)]
const refused = refusals(NO_NAMES.map((name) => ({ args: ['--reference', '--name', name, '--', 'true'] })))

test.for(NO_NAMES.map((name, nth) => [name, nth] as const))('a name that is none: %j', async ([, nth]) => {
  const { code, stderr } = await refused(nth)
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--name') })
  expect(stderr.length).toBeLessThan(300)
})
