import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { seconds } from './lessons/00-foundation/given/patience.ts'
import { LongestFirst } from './scripts/lib/longest-first.ts'

const common = {
  pool: 'forks' as const, // clone(2) belongs on the main thread: engine.ts
  testTimeout: seconds(20),
  hookTimeout: seconds(20),
  chaiConfig: { truncateThreshold: 0 }, // what a container said, whole
  env: { NODE_COMPILE_CACHE: new URL('.workshop/cache', import.meta.url).pathname },
}

const lessons = {
  include: ['lessons/*/*.test.ts'],
  runner: './scripts/lib/runner.ts',
  maxConcurrency: 2, // checks side by side: each starts two Nodes or more
}
const machine = 'scripts/tests/machine.test.ts' // Vagrant, QEMU, minutes: only when it is asked for
const browser = 'scripts/tests/browser/*.test.ts' // Chromium, a big download: only when it is asked for
const exchange = 'scripts/tests/exchange/*.test.ts' // podman, Docker, skopeo: installed, only when it is asked for

export default defineConfig({
  test: {
    maxWorkers: Math.max(2, availableParallelism()), // a test waits most of the time, for a Node that boots in a lab
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...common, ...lessons, name: 'learner' } },
      { test: { ...common, ...lessons, name: 'reference', execArgv: ['-C', 'solution'] } },
      {
        test: {
          ...common,
          name: 'workshop',
          include: ['scripts/**/*.test.ts'],
          exclude: [machine, browser, exchange],
          isolate: false, // one file after another in a process, whose start costs an emulated machine two seconds
        },
      },
      { test: { ...common, name: 'machine', include: [machine], testTimeout: 600_000 } },
      { test: { ...common, name: 'browser', include: [browser], testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { ...common, name: 'exchange', include: [exchange] } },
    ],
  },
})
