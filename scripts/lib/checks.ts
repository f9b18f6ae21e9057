import { join } from 'node:path'
import { createVitest, type Reporter, type TestCase, type TestModule, type Vitest } from 'vitest/node'
import { ensureRootfs } from '#given/rootfs.ts'
import { JUnit } from './junit.ts'
import { type Found, project } from './lessons.ts'
import { fingerprint, type Outcome, record } from './progress.ts'
import { LessonReporter } from './reporter.ts'
import { Turns } from './turns.ts'
import { warmCache } from './warm.ts'

/** What came of a lesson's checks. */
export interface Verdict {
  outcomes: Outcome[]
  /** What kept a file of checks from running at all. */
  broken: string[]
  /** All ran, and all passed. */
  passed: boolean
}

/** Which checks to run, and in which order. */
export interface Wanted {
  /** Only those of this task, such as `04.2`. */
  task?: string | undefined
  /** Those of this task before all others. */
  first?: string | undefined
}

type Place = Pick<Found, 'folder' | 'file'>

/** Runs the checks of lessons. It stays open, so that a second run need not wait for vitest's own start. */
export class Checks implements AsyncDisposable {
  readonly #vitest: Vitest
  readonly #reference: boolean
  readonly #relay: Relay
  readonly #junit: JUnit | undefined

  private constructor(vitest: Vitest, relay: Relay, reference: boolean, junit: JUnit | undefined) {
    this.#vitest = vitest
    this.#relay = relay
    this.#reference = reference
    this.#junit = junit
  }

  /**
   * @param reference check the finished files, not the learner's
   * @param junit a file for a report of all runs, written at the end
   */
  static async open({ reference = false, junit: file = '' } = {}): Promise<Checks> {
    ensureRootfs()
    warmCache()
    const relay = new Relay()
    const junit = file ? new JUnit(file) : undefined
    const vitest = await createVitest(
      {
        root: project,
        watch: false,
        configLoader: 'native', // Node strips the types of vitest.config.ts itself, and sooner than a bundler is loaded
        project: [reference ? 'reference' : 'learner'],
        reporters: junit ? [relay, junit] : [relay],
      },
      {},
      { stdout: process.stderr }, // standard output is for our own words
    )
    await junit?.start(vitest)
    return new Checks(vitest, relay, reference, junit)
  }

  /**
   * Runs a lesson's checks and remembers what came of them.
   *
   * @param tell gets each outcome as soon as it is its turn
   */
  async run(
    lesson: Place,
    tell: (outcome: Outcome) => void = () => {},
    { task, first }: Wanted = {},
  ): Promise<Verdict> {
    const turns = new Turns(tell, first)
    const reporter = new LessonReporter((outcome) => turns.take(outcome))
    this.#relay.to = { reporter, turns }
    const [checked, started] = [fingerprint(lesson), Date.now()]
    const files = await this.#vitest.globTestSpecifications([`${join('lessons', lesson.folder)}/`])
    for (const { moduleId } of files) this.#vitest.invalidateFile(moduleId)
    if (task) this.#vitest.setGlobalTestNamePattern(new RegExp(`^${RegExp.escape(task)} `))
    else this.#vitest.resetGlobalTestNamePattern()
    this.#vitest.provide('first', first)
    await this.#vitest.runTestSpecifications(files)
    const [{ outcomes }, { broken }] = [turns, reporter]
    const passed = outcomes.length > 0 && broken.length === 0 && outcomes.every((outcome) => outcome.passed)
    const took = Date.now() - started
    if (!this.#reference) record(lesson, { outcomes, passed, checked, took, partial: task !== undefined })
    return { outcomes, broken, passed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#junit?.finish()
    await this.#vitest.close()
  }
}

/** vitest takes its reporters once; the one for a run is new each time. */
class Relay implements Reporter {
  to: { reporter: LessonReporter; turns: Turns } | undefined

  onTestModuleCollected(module: TestModule): void {
    const checks = [...module.children.allTests()]
    this.to?.turns.expect(checks.filter(({ options }) => options.mode !== 'skip'))
  }

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'skipped') this.to?.turns.skip(test.name)
    this.to?.reporter.onTestCaseResult(test)
  }

  onTestModuleEnd(module: TestModule): void {
    this.to?.reporter.onTestModuleEnd(module)
  }
}
