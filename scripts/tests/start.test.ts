import { afterAll, beforeAll, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { allLessons } from '../lib/lessons.ts'
import { Clone } from './clone.ts'

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
afterAll(() => clone[Symbol.dispose]())

test('the tour visits every mechanism, and sums up which namespace each one changed', {
  timeout: seconds(60),
}, async () => {
  const { code, output } = clone.run('start')
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

test('one step, and none that is not there', { timeout: seconds(60) }, () => {
  const one = clone.run('start', '04')
  expect(one).toMatchObject({ code: 0, output: expect.stringMatching(/ns\/uts .* its own/) })
  expect(one.output).not.toContain('All of it')
  expect(clone.run('start', '99').code).toBe(2)
  expect(clone.run('start', '--no-such-option')).toMatchObject({ code: 2, output: expect.stringContaining('--help') })
})
