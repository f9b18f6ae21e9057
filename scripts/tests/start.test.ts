import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { allLessons, project } from '../lib/lessons.ts'
import { refusals } from './refusals.ts'

beforeAll(() => void ensureRootfs())

function tour(...args: string[]): { code: number | null; output: string } {
  const argv = ['--no-warnings', join(project, 'scripts/start.ts'), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  return { code: status, output: stripVTControlCharacters(stdout + stderr) }
}

test('the tour visits every mechanism, and sums up which namespace each one changed', {
  timeout: seconds(60),
}, async () => {
  const { code, output } = tour()
  expect(code).toBe(0)
  for (const { number, title, tour } of await allLessons()) if (tour) expect(output).toContain(`${number} · ${title}`)
  for (const line of output.split('\n')) expect(line.length, `too long for a terminal: ${line}`).toBeLessThanOrEqual(80)
  const table = output.slice(output.indexOf('All of it'))
  for (const [name, namespace] of [
    ['pid', 'pid'],
    ['mount', 'mnt'],
    ['uts', 'uts'],
    ['ipc', 'ipc'],
  ]) {
    expect(table).toMatch(new RegExp(`^\\d\\d ${name} .* ${namespace}$`, 'm'))
  }
  expect(table, 'chroot is no namespace').toMatch(/^01 chroot .* -$/m)
})

test('one step', { timeout: seconds(60) }, () => {
  const one = tour('04')
  expect(one).toMatchObject({ code: 0, output: expect.stringMatching(/ns\/uts .* its own/) })
  expect(one.output).not.toContain('All of it')
})

test('a step or an option that is not there', async () => {
  const refusal = refusals(['99', '--no-such-option'].map((word) => ({ command: 'start', args: [word] })))
  expect(await refusal(0)).toMatchObject({ code: 2 })
  expect(await refusal(1)).toMatchObject({ code: 2, stderr: expect.stringContaining('--help') })
})
