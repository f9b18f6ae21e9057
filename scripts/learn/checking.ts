/*
 * Runs checks for `npm run learn`, in a process of its own: so the screen stays alive whatever a check does, and a run that
 * is out of date can be ended at once, even one that hangs in an endless loop.
 */
import { Checks, type Verdict } from '../lib/checks.ts'
import type { Found } from '../lib/lessons.ts'
import type { Outcome } from '../lib/progress.ts'

/** Which lesson to check, and the task to begin with. */
export type Order = { lesson: Pick<Found, 'folder' | 'file'>; first?: string | undefined }

/** Each outcome at once, and at the end the verdict. */
export type News = { outcome: Outcome } | { verdict: Verdict }

const checks = Checks.open()
checks.catch(() => {}) // it is told with the first order

process.on('SIGINT', () => {}) // meant for the demo that has the terminal
process.on('disconnect', () => process.exit()) // who asked is gone
process.on('message', async ({ lesson, first }: Order) => {
  const tell = (news: News) => process.connected && process.send?.(news)
  try {
    tell({ verdict: await (await checks).run(lesson, (outcome) => tell({ outcome }), { first }) })
  } catch (error) {
    tell({ verdict: { outcomes: [], broken: [(error as Error).message], passed: false } })
  }
})
