import { expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'

/** How many: `.ci/run` kills five hundred, and so can you. Fewer in the emulated VM, where each takes half a minute. */
const KILLS = Number(process.env.WORKSHOP_KILLS ?? Math.ceil(20 * Number(process.env.WORKSHOP_LOAD ?? 1)))
/** Other moments each time; what failed is tried again with the seed that it says. */
const SEED = Number(process.env.WORKSHOP_SEED ?? Date.now() % 1_000_000)
const fixture = new URL('fixtures/kills.ts', import.meta.url).pathname
const patience = seconds(60 + 3 * KILLS)

test(`SIGKILL for any process at ${KILLS} random moments, seed ${SEED}`, { timeout: patience }, async () => {
  await using host = await openLab({ cgroups: true })
  const argv = [
    'env',
    'WORKSHOP_IMAGES=/run/workshop/images',
    process.execPath,
    '--no-warnings',
    fixture,
    String(KILLS),
    String(SEED),
  ]
  const { stdout, stderr } = await host.exec(argv, { timeout: 60 + 3 * KILLS })
  expect(stderr).toBe('')
  const { before, after, wrong, killed, undo, again } = JSON.parse(stdout)
  expect(wrong).toEqual([])
  expect(again, undo).toBe('Nothing to undo.\n')
  expect(after, undo).toEqual(before)
  const kinds = Object.keys(killed).length
  expect(kinds, 'kinds of commands that met a kill').toBeGreaterThan(Math.min(3, KILLS / 5))
})
