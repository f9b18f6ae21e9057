import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'

/** How much of the load to apply: 0.1 in the emulated VM, where each container takes seconds. */
const LOAD = Number(process.env.WORKSHOP_LOAD ?? 1)
const fixture = new URL('fixtures/stress.ts', import.meta.url).pathname

let host: Lab
beforeAll(async () => {
  host = await openLab()
})
afterAll(() => host?.close())

async function stress(mode: string, count: number) {
  const argv = [process.execPath, '--no-warnings', fixture, mode, String(Math.ceil(count * LOAD))]
  const { stdout, stderr } = await host.exec(argv, { timeout: 100 })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

// What each of them must not leave: descriptors, zombies and other processes, mounts.
test.for([
  ['300 containers, one after another', 'series', 300],
  ['20 containers at once', 'crowd', 20],
  ['the command of a container killed with SIGKILL, at 50 random moments', 'killed', 50],
] as const)('%s: nothing is left', { timeout: seconds(110) }, async ([, mode, count]) => {
  const { before, after, runs, wrong } = await stress(mode, count)
  if (mode !== 'killed') expect(runs).toBe(Math.ceil(count * LOAD))
  expect(wrong, "exit codes that were another container's, or none").toEqual([])
  expect(after.processes).toEqual(before.processes)
  expect(after.mounts).toEqual(before.mounts)
  expect(after.descriptors).toBe(before.descriptors)
})
