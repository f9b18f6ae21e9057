import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { smallRoot } from '#given/rootfs.ts'
import { project } from '#given/spec.ts'
import { refusals } from './refusals.ts'

/** Who is in the table of a subject, and which tools of others. */
const SUBJECTS: [name: string, ours: string[], others: string[]][] = [
  ['start', ['node -e 0', 'the workshop'], ['bwrap', 'crun', 'runc', 'podman']],
  ['image', ['the workshop'], ['podman', 'docker']],
  ['import', ['the workshop'], ['podman', 'docker']],
  ['build', ['the workshop'], ['podman', 'buildah', 'docker']],
  ['exec', ['the workshop'], ['crun', 'runc', 'podman', 'docker']],
  ['hundred', ['the workshop'], ['crun', 'runc', 'podman', 'docker']],
]

let subjects: Record<
  string,
  { results: { name: string; median: number; ratio: number }[]; skipped: Record<string, string> }
>
beforeAll(() => {
  const root = mkdtempSync('/var/tmp/workshop-bench-root-') // a small one: most subjects begin with an import of it
  chmodSync(root, 0o755) // root of a user namespace comes by as somebody else
  smallRoot(root, ['sh', 'true', 'sleep'])
  const words = [...SUBJECTS.map(([name]) => name), '--root', root, '--runs', '1', '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', 'scripts/bench.ts', ...words], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, WORKSHOP_LOAD: '0.02' }, // of the hundred, two
  })
  rmSync(root, { recursive: true })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  subjects = JSON.parse(stdout).subjects
}, seconds(240))

test.for(SUBJECTS)('%s: measured are the workshop and what is installed, and the rest is named', (row) => {
  const [subject, ours, others] = row
  const { results = [], skipped = {} } = subjects[subject] ?? {}
  const names = results.map(({ name }) => name)
  expect(names.slice(0, ours.length), JSON.stringify(skipped)).toEqual(ours)
  expect(results[0]?.ratio).toBe(1)
  for (const { median } of results) expect(median).toBeGreaterThan(0)
  for (const name of others)
    expect(names.includes(name) || Boolean(skipped[name]), `${name} is neither measured nor skipped aloud`).toBe(true)
})

const REFUSED: [args: string[], says: RegExp][] = [
  [['--runs', '0'], /--runs 0: a whole number/],
  [['--runs', 'many'], /--runs many: a whole number/],
  [['--runs', '1.5'], /--runs 1\.5: a whole number/],
  [['--root', 'nowhere'], /--root nowhere: there is no such folder/],
  [['sart'], /Did you mean start\?/],
]
const refused = refusals(REFUSED.map(([args]) => ({ command: 'bench', args })))
test.for(REFUSED.map((row, nth) => [...row, nth] as const))('%j is refused', async ([, says, nth]) => {
  expect(await refused(nth)).toMatchObject({ code: 2, stderr: expect.stringMatching(says) })
})
