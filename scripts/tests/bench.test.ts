import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { project } from '#given/spec.ts'

const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['--no-warnings', 'scripts/bench.ts', ...args], { cwd: project, encoding: 'utf8' })

test('bench measures Node and the workshop, and names what it skips', () => {
  const { status, stdout } = bench('--runs', '1', '--json')
  expect(status).toBe(0)
  const { results, skipped } = JSON.parse(stdout)
  expect(results.slice(0, 2)).toEqual([
    expect.objectContaining({ name: 'node -e 0', ratio: 1 }),
    expect.objectContaining({ name: 'the workshop', median: expect.any(Number) }),
  ])
  for (const name of ['bwrap', 'crun', 'runc', 'podman', 'docker']) {
    const measured = results.some((result: { name: string }) => result.name === name)
    expect(measured || Boolean(skipped[name]), `${name} is neither measured nor skipped aloud`).toBe(true)
  }
})

test('a number of runs that is none', () => {
  for (const runs of ['0', 'many', '1.5']) expect(bench('--runs', runs)).toMatchObject({ status: 2 })
})
