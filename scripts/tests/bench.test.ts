import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'

const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['--no-warnings', 'scripts/bench.ts', ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, WORKSHOP_LOAD: '0.02' }, // of the hundred, two
  })

/** Who is in the table of a subject, and which tools of others. */
const SUBJECTS: [name: string, ours: string[], others: string[]][] = [
  ['start', ['node -e 0', 'the workshop'], ['bwrap', 'crun', 'runc', 'podman']],
  ['image', ['the workshop'], ['podman', 'docker']],
  ['import', ['the workshop'], ['podman', 'docker']],
  ['build', ['the workshop'], ['podman', 'buildah', 'docker']],
  ['exec', ['the workshop'], ['crun', 'runc', 'podman', 'docker']],
  ['hundred', ['the workshop'], ['crun', 'runc', 'podman', 'docker']],
]

test.for(SUBJECTS)(
  '%s: measured are the workshop and what is installed, and the rest is named',
  {
    timeout: seconds(60),
  },
  ([subject, ours, others]) => {
    const { status, stdout, stderr } = bench(subject, '--runs', '1', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { results, skipped } = JSON.parse(stdout).subjects[subject]
    const names = results.map(({ name }: { name: string }) => name)
    expect(names.slice(0, ours.length), JSON.stringify(skipped)).toEqual(ours)
    expect(results[0].ratio).toBe(1)
    for (const { median } of results) expect(median).toBeGreaterThan(0)
    for (const name of others)
      expect(names.includes(name) || Boolean(skipped[name]), `${name} is neither measured nor skipped aloud`).toBe(true)
  },
)

test('a number of runs that is none, a subject that is none', () => {
  for (const runs of ['0', 'many', '1.5']) expect(bench('--runs', runs)).toMatchObject({ status: 2 })
  expect(bench('sart')).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean start?') })
})
