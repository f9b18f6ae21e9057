import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chalk } from '#given/show.ts'
import { reset } from '../lib/backups.ts'
import { compareTexts } from '../lib/compare.ts'
import { nextAfter, rememberCurrent } from '../lib/current.ts'
import { hintAlone } from '../lib/hints.ts'
import type { Found } from '../lib/lessons.ts'
import { listLines } from '../lib/overview.ts'
import { type Outcome, progressOf } from '../lib/progress.ts'
import { mineOf, starterOf } from '../lib/versions.ts'
import { watchLesson } from '../lib/watch.ts'
import { wrap } from '../lib/wrap.ts'
import { Checker } from './checker.ts'
import { lessonScreen, type View, viewOf } from './screen.ts'
import { Terminal } from './terminal.ts'

const KEYS = 'h hint · d diff · m demo · r reset · l list · n next · c check now · q quit'

/** The learner's desk: what is on the screen, and what the keys do. */
export class Desk implements Disposable {
  readonly #lessons: Found[]
  readonly #checker = new Checker()
  readonly #terminal = new Terminal((key) => this.#press(key))
  readonly #over = Promise.withResolvers<void>()
  readonly #clock = setInterval(() => this.#tick(), 1000)
  #lesson: Found
  #view: View
  #watcher: Disposable | undefined
  /** When the checks that run now were started. */
  #started: number | undefined
  /** Who has the screen: the lesson, something to read until a key is pressed, a question, or a demo. */
  #mode: 'lesson' | 'page' | 'question' | 'demo' = 'lesson'

  constructor(lesson: Found, lessons: Found[]) {
    this.#lessons = lessons
    this.#lesson = lesson
    this.#view = viewOf(lesson, lessons)
    process.stdout.on('resize', this.#draw)
    process.on('SIGCONT', this.#resume)
    this.#terminal.clear()
    this.#open(lesson)
  }

  /** Until the learner quits. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Has a demo the terminal, and the keys that are typed there? */
  get isLent(): boolean {
    return this.#mode === 'demo'
  }

  #open(lesson: Found): void {
    rememberCurrent(lesson)
    this.#lesson = lesson
    this.#view = viewOf(lesson, this.#lessons)
    this.#watcher?.[Symbol.dispose]()
    this.#watcher = watchLesson(lesson, () => this.#check())
    this.#started = undefined
    const isDone = this.#view.states[this.#view.at] === 'done'
    if (isDone) this.#draw()
    else this.#check()
  }

  /** Checks the lesson. A run of checks that is still going on was about another text: it is ended. */
  async #check(): Promise<void> {
    const started = performance.now()
    this.#started = started
    const before = failing(this.#view.outcomes)
    const first = failing(progressOf(this.#lesson)?.outcomes ?? [])
    const fresh: Outcome[] = []
    const took = progressOf(this.#lesson)?.took
    this.#view.running = { seconds: 0, first, ...(took ? { usually: Math.round(took / 1000) } : {}) }
    this.#draw()
    const verdict = await this.#checker.run({ lesson: this.#lesson, first }, (outcome) => {
      if (this.#started !== started) return
      fresh.push(outcome)
      this.#update({ outcomes: inOrder(fresh, this.#view.names), outdated: false })
    })
    if (!verdict || this.#started !== started) return
    this.#started = undefined
    const { outcomes, broken } = verdict
    const panel = failing(outcomes) === before ? this.#view.panel : [] // a hint stays while it is about the same task
    this.#view = viewOf(this.#lesson, this.#lessons)
    this.#update({ outcomes, names: outcomes.map(({ name }) => name), broken, outdated: false, panel })
  }

  /** While checks run, how long they have. */
  #tick(): void {
    const { running } = this.#view
    if (!running || this.#started === undefined || !this.#terminal.canRedraw) return
    running.seconds = Math.round((performance.now() - this.#started) / 1000)
    this.#draw()
  }

  #update(change: Partial<View>): void {
    Object.assign(this.#view, change)
    this.#draw()
  }

  readonly #draw = (): void => {
    if (this.#mode !== 'lesson') return
    this.#terminal.show(this.#screen(), this.#keys)
  }

  get #keys(): string[] {
    return wrap(KEYS, this.#terminal.columns).map((line) => chalk.dim(line))
  }

  #screen(view = this.#view): string[] {
    const { columns, rows } = this.#terminal
    return lessonScreen(view, columns, rows - this.#keys.length - 1)
  }

  #press(key: string): void {
    if (this.#mode === 'demo') return
    if (['q', 'ctrl-c', 'ctrl-d'].includes(key)) this.#over.resolve()
    else if (key === 'ctrl-z') this.#suspend()
    else if (this.#mode === 'page') this.#back()
    else if (this.#mode === 'question') this.#answer(key === 'y')
    else this.#try(() => this.#actions[key]?.())
  }

  #try(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#say((error as Error).message.split('\n')) // such as a file that is not there
    }
  }

  readonly #actions: Record<string, () => void> = {
    h: () => this.#hint(),
    d: () => this.#diff(),
    m: () => void this.#demo(),
    r: () => this.#ask(),
    l: () => this.#read(listLines(this.#lessons, this.#lesson)),
    n: () => this.#next(),
    c: () => void this.#check(),
  }

  #say(panel: string[]): void {
    this.#update({ panel })
  }

  /** Below the lesson, or where that has no room for it, in its place: half a hint is none. */
  #hint(): void {
    const panel = hintAlone(this.#lesson)
    const fits = this.#terminal.hasRoom(this.#screen({ ...this.#view, panel }), this.#keys)
    this.#view.panel = fits ? panel : []
    if (fits) this.#draw()
    else this.#read(panel)
  }

  /** Something longer, in place of the lesson. */
  #read(lines: string[]): void {
    this.#mode = 'page'
    this.#terminal.clear()
    this.#terminal.show(lines, [chalk.dim('Any key goes back.')], true)
  }

  #back(): void {
    this.#mode = 'lesson'
    this.#terminal.clear()
    this.#draw()
  }

  #diff(): void {
    const [from, to] = [starterOf(this.#lesson), mineOf(this.#lesson)]
    const lines = compareTexts(from, to, this.#terminal.columns)
    if (lines.length === 0) this.#say([`You have not changed ${to.label} yet.`])
    else this.#read(lines)
  }

  #ask(): void {
    this.#say([`Back to the starter of lesson ${this.#lesson.number}? What you wrote is kept.   y / n`])
    this.#mode = 'question'
  }

  #answer(yes: boolean): void {
    this.#mode = 'lesson'
    this.#try(() => (yes ? this.#reset() : this.#say([])))
  }

  #reset(): void {
    const kept = reset(this.#lesson)
    const undo = `npm run reset ${this.#lesson.number} -- --undo`
    this.#say([kept ? `The starter is back. To have yours again: ${undo}` : 'It is the starter already.'])
  }

  #next(): void {
    const next = nextAfter(this.#lesson, this.#lessons)
    if (next) this.#open(next)
    else this.#say(['There is no other lesson that is not done.'])
  }

  /** Runs the demo, which has the terminal meanwhile. */
  async #demo(): Promise<void> {
    this.#mode = 'demo'
    this.#terminal.clear()
    this.#terminal.release()
    const args = ['--no-warnings', '--import', 'tsx', 'scripts/demo.ts', this.#lesson.number]
    await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'close').catch(() => {})
    this.#terminal.take()
    this.#mode = 'page'
    console.log(chalk.dim('\nAny key goes back.'))
  }

  /** Ctrl-Z: to the shell, and back with fg. Where no shell would take over, the kernel stops nobody, and we go on. */
  #suspend(): void {
    this.#terminal.release()
    process.kill(0, 'SIGTSTP') // the whole job: npm and its shell too
    setTimeout(this.#resume, 100)
  }

  /** After a stop: whoever had the terminal meanwhile may have left it otherwise. */
  readonly #resume = (): void => {
    if (this.#mode === 'demo') return
    this.#terminal.release()
    this.#terminal.take()
    this.#draw()
  };

  /** Gives the terminal back, and ends what runs. */
  [Symbol.dispose](): void {
    clearInterval(this.#clock)
    process.stdout.off('resize', this.#draw)
    process.off('SIGCONT', this.#resume)
    this.#watcher?.[Symbol.dispose]()
    this.#checker[Symbol.dispose]()
    this.#terminal[Symbol.dispose]()
  }
}

/** Outcomes in the order of the file, as far as that is known. */
function inOrder(outcomes: Outcome[], names: string[]): Outcome[] {
  const at = ({ name }: Outcome) => (names.includes(name) ? names.indexOf(name) : names.length)
  return outcomes.toSorted((a, b) => at(a) - at(b))
}

/** The task of the first check that failed. */
function failing(outcomes: Outcome[]): string | undefined {
  return outcomes.find(({ passed }) => !passed)?.name.split(' ')[0]
}
