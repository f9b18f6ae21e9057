import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project } from '../lib/lessons.ts'
import { missing, TO_RUN } from '../vm/tools.ts'

function vm(...args: string[]) {
  const node = ['--no-warnings', '--import', 'tsx', join(project, 'scripts/vm.ts'), ...args]
  return spawnSync(process.execPath, node, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
}

test('a command that is none gets the nearest one, and all that there are', () => {
  const { status, stderr } = vm('suspnd')
  expect(status).toBe(2)
  expect(stderr).toContain("there is no 'npm run vm -- suspnd'. Did you mean suspend? There are: up ssh test")
})

test('cgroups and Debians that do not exist are refused before anything is made', () => {
  expect(vm('test', '--cgroup', 'v3')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there are v1 and v2'),
  })
  const { status, stderr } = vm('box', '--suite', '11')
  expect(status).toBe(2)
  expect(stderr).toContain("no Debian '11' here. There are: 12 (bookworm), 13 (trixie)")
})

test('what is missing comes with the command for this system and this user', () => {
  const only =
    (...there: string[]) =>
    (program: string) =>
      there.includes(program) ? program : undefined
  const { vagrant, rsync } = TO_RUN
  const ask = (platform: NodeJS.Platform, uid: number, ...there: string[]) => {
    return missing({ vagrant, rsync }, { platform, uid, find: only(...there) })
  }
  expect(ask('linux', 0, 'vagrant', 'rsync')).toBeUndefined()
  expect(ask('linux', 0, 'apt-get', 'rsync')?.command).toBe(
    'apt-get update && apt-get install -y --no-install-recommends vagrant',
  )
  expect(ask('linux', 1000, 'apt-get')?.command).toMatch(/^sudo apt-get update && sudo apt-get .* vagrant rsync$/)
  expect(ask('linux', 0)?.command).toBe('(your package manager) vagrant rsync')
  expect(ask('darwin', 501)).toEqual({ programs: ['vagrant', 'rsync'], command: 'brew install --cask vagrant rsync' })
})
