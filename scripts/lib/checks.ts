import { join } from 'node:path'
import { createVitest, type Reporter, type Vitest } from 'vitest/node'
import { ensureRootfs } from '#given/rootfs.ts'
import { type Found, project } from './lessons.ts'
import { type Outcome, record } from './progress.ts'
import { LessonReporter } from './reporter.ts'
import { warmCache } from './warm.ts'

/** What came of a lesson's checks. */
export interface Verdict {
  outcomes: Outcome[]
  /** What kept a file of checks from running at all. */
  broken: string[]
  /** All ran, and all passed. */
  passed: boolean
}

/** Runs the checks of lessons. It stays open, so that a second run need not wait for vitest's own start. */
export class Checks implements AsyncDisposable {
  readonly #vitest: Vitest
  readonly #reference: boolean
  readonly #relay: Relay

  private constructor(vitest: Vitest, relay: Relay, reference: boolean) {
    this.#vitest = vitest
    this.#relay = relay
    this.#reference = reference
  }

  /** @param reference check the finished files, not the learner's */
  static async open({ reference = false, reporters = [] as Reporter[] | string[] } = {}): Promise<Checks> {
    ensureRootfs()
    warmCache()
    const relay = new Relay()
    const vitest = await createVitest('test', {
      root: project,
      watch: false,
      project: [reference ? 'reference' : 'learner'],
      reporters: [relay, ...reporters] as Reporter[],
    })
    return new Checks(vitest, relay, reference)
  }

  /**
   * Runs a lesson's checks and remembers what came of them.
   *
   * @param tell gets each outcome at once
   */
  async run(lesson: Found, tell: (outcome: Outcome) => void): Promise<Verdict> {
    const reporter = new LessonReporter(tell)
    this.#relay.to = reporter
    const files = await this.#vitest.globTestSpecifications([`${join('lessons', lesson.folder)}/`])
    for (const { moduleId } of files) this.#vitest.invalidateFile(moduleId)
    await this.#vitest.runTestSpecifications(files)
    const { outcomes, broken } = reporter
    const passed = outcomes.length > 0 && broken.length === 0 && outcomes.every((outcome) => outcome.passed)
    if (!this.#reference) record(lesson, outcomes, passed)
    return { outcomes, broken, passed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vitest.close()
  }
}

/** vitest takes its reporters once; the one for a run is new each time. */
class Relay implements Reporter {
  to: LessonReporter | undefined
  onTestCaseResult: LessonReporter['onTestCaseResult'] = (test) => this.to?.onTestCaseResult(test)
  onTestModuleEnd: LessonReporter['onTestModuleEnd'] = (module) => this.to?.onTestModuleEnd(module)
}
