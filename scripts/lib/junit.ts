import { JUnitReporter, type Reporter, type TestModule, type Vitest } from 'vitest/node'

/** vitest's JUnit report, of several runs in one file: its own reporter would begin a new one with each run. */
export class JUnit implements Reporter {
  readonly #inner: JUnitReporter
  readonly #modules: TestModule[] = []

  constructor(file: string) {
    this.#inner = new JUnitReporter({ outputFile: file })
  }

  /** Opens the file: vitest tells its reporters only when it starts a run by itself. */
  start(vitest: Vitest): Promise<void> {
    return this.#inner.onInit(vitest)
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    this.#modules.push(...modules)
  }

  /** Writes the file. */
  finish(): Promise<void> {
    return this.#inner.onTestRunEnd(this.#modules)
  }
}
