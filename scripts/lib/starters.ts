import { readFileSync } from 'node:fs'
import { allLessons } from './lessons.ts'
import { isMarked } from './marks.ts'

/** As much of vitest's JSON report as is read here. */
export interface VitestReport {
  testResults: { name: string; assertionResults: { title: string; status: string; failureMessages: string[] }[] }[]
}

/**
 * Judges the checks of untouched starters: each task that is marked as not written must fail its own checks, and with
 * these words. A file without a mark is the learner's work by now; that is said, and not judged.
 */
export async function judgeStarters(report: VitestReport): Promise<{ faults: string[]; said: string }> {
  const faults: string[] = []
  const worked: string[] = []
  let failed = 0
  for (const lesson of await allLessons()) {
    const source = readFileSync(lesson.file, 'utf8')
    const checks = report.testResults
      .filter(({ name }) => name.includes(lesson.folder))
      .flatMap((file) => file.assertionResults)
    for (const { id } of lesson.tasks) {
      if (!isMarked(source, { id })) {
        if (process.env.CI) faults.push(`${id} is not marked as not written`) // there, nobody is a learner
        worked.push(id)
        continue
      }
      const own = checks.filter(({ title }) => title.startsWith(`${id} `))
      if (own.length === 0) faults.push(`${id} has no check`)
      for (const check of own) {
        if (check.status === 'passed') faults.push(`a check passes on the untouched starter: ${check.title}`)
        else if (!check.failureMessages.join().includes('not written yet')) {
          faults.push(
            `it does not say "not written yet": ${check.title}\n      ${check.failureMessages[0]?.split('\n')[0]}`,
          )
        } else failed++
      }
    }
  }
  const yours = worked.length > 0 ? `; not judged, since you have begun them: ${worked.join(', ')}` : ''
  return { faults, said: `${failed} checks fail with "not written yet", as they should${yours}` }
}
