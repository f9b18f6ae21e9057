import { inProject } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import { mechanismNames } from '#given/stack.ts'
import { nextAfter } from '../lib/current.ts'
import { shownOf } from '../lib/hints.ts'
import type { Found } from '../lib/lessons.ts'
import { minutesOf } from '../lib/overview.ts'
import { type Outcome, progressOf, type State, stateOf } from '../lib/progress.ts'
import { coloured } from '../lib/reporter.ts'
import { wrap } from '../lib/wrap.ts'
import { widthOf } from './terminal.ts'

/** What there is to show of a lesson. */
export interface View {
  lesson: Found
  /** The state of each lesson, in order, and which one this is. */
  states: State[]
  at: number
  outcomes: Outcome[]
  /** All checks, in order, if that is known yet. */
  names: string[]
  broken: string[]
  /** While checks run: for how many seconds, how many they took last time, and the task that comes first. */
  running?: { seconds: number; usually?: number; first?: string | undefined }
  /** Has the file changed since these outcomes, or was it never checked? */
  outdated: boolean
  /** The next lesson that is not done. */
  next?: Found | undefined
  /** A hint or another answer to a key, below. */
  panel: string[]
}

/** What is remembered of a lesson, to look at. */
export function viewOf(lesson: Found, lessons: Found[]): View {
  const { outcomes = [] } = progressOf(lesson) ?? {}
  const state = stateOf(lesson)
  const holds = state === 'begun' || state === 'done'
  return {
    lesson,
    states: lessons.map(stateOf),
    at: lessons.findIndex(({ folder }) => folder === lesson.folder),
    outcomes: holds ? outcomes : [],
    names: outcomes.map(({ name }) => name),
    broken: [],
    outdated: !holds,
    next: nextAfter(lesson, lessons),
    panel: [],
  }
}

/** A lesson on the screen: one failing check at a time, or what was proved. If it is too long, what the check said is cut. */
export function lessonScreen(view: View, columns: number, rows = Number.POSITIVE_INFINITY): string[] {
  const { outcomes, broken } = view
  const above = [...header(view, columns), '', status(view), ...broken.flatMap((each) => notRun(each, columns)), '']
  const below = view.panel.length > 0 ? ['', ...view.panel] : []
  const screen = (body: string[]) => [...above, ...body, ...below]
  const failed = outcomes.find(({ passed }) => !passed)
  if (!failed) return screen(isDone(view) ? proved(view) : (better(view) ?? waiting(view)))
  const said = failed.said.flatMap((line) => wrap(line, columns - 4)).map((line) => `    ${coloured(line)}`)
  const room = rows - screen(failing(view, failed, [], columns)).length
  return screen(failing(view, failed, cut(said, Math.max(3, room), failed), columns))
}

function cut(lines: string[], most: number, { name }: Outcome): string[] {
  if (lines.length <= most) return lines
  return [...lines.slice(0, most - 1), chalk.dim(`    … all of it: npm run check ${name.split(' ')[0]}`)]
}

function isDone({ running, outdated, broken, outcomes, names }: View): boolean {
  return !running && !outdated && broken.length === 0 && outcomes.length > 0 && outcomes.length >= names.length
}

function notRun(message: string, columns: number): string[] {
  return wrap(`The checks did not run: ${message}`, columns).map((line) => chalk.red(line))
}

function header({ lesson, states, at }: View, columns: number): string[] {
  const title = chalk.bold(`${lesson.number} · ${lesson.title}`)
  const minutes = `${minutesOf(lesson)} minutes`
  const gap = Math.max(2, columns - widthOf(title) - minutes.length)
  const dots = states.map((state, i) => {
    const dot = state === 'done' ? chalk.green('●') : state === 'new' ? '○' : chalk.yellow('◐')
    return i === at ? `[${dot}]` : dot
  })
  const count = states.filter((state) => state === 'done').length
  return [
    `${title}${' '.repeat(gap)}${chalk.dim(minutes)}`,
    `${dots.join(' ')}   ${chalk.dim(`${count} of ${states.length} lessons done`)}`,
  ]
}

/** A mark for each check, and a word on all of them. */
function status({ outcomes, names, running, outdated }: View): string {
  const known = new Map(outcomes.map(({ name, passed }) => [name, passed ? chalk.green('✓') : chalk.red('✗')]))
  const all = new Set([...names, ...known.keys()])
  const row = Array.from(all, (name) => known.get(name) ?? chalk.dim('·')).join('')
  const passed = outcomes.filter((outcome) => outcome.passed).length
  if (running) {
    const usually = running.usually ? `, about ${Math.max(1, running.usually)} s in all` : ''
    return `${row} ${chalk.cyan(`Checking: ${running.seconds} s${usually}`)}`.trimStart()
  }
  if (outdated) return chalk.dim('Not checked yet.')
  if (passed === outcomes.length && passed > 0)
    return `${row}  ${chalk.green(passed === 1 ? 'The one check passes.' : `All ${passed} checks pass.`)}`
  return `${row}  ${passed} of ${outcomes.length} checks pass.`
}

function failing({ lesson }: View, { name }: Outcome, said: string[], columns: number): string[] {
  const task = lesson.tasks.find(({ id }) => name.startsWith(`${id} `))
  const hints = task ? ` (you have had ${shownOf(lesson, task)} of ${task.hints.length})` : ''
  return [
    ...wrap(`✗ ${name}`, columns).map((line) => chalk.bold(line)),
    ...said,
    '',
    ...(task ? wrap(`Task ${task.id}: ${task.title}.`, columns) : []),
    `Edit ${chalk.cyan(inProject(lesson.file))} and save it: the checks run by themselves.`,
    `Stuck? ${chalk.cyan('h')} gives a hint${hints}. The lesson is in lessons/${lesson.folder}/README.md`,
  ]
}

/** The task that failed last time, and what came of it by now. */
function better({ running, outcomes }: View): string[] | undefined {
  const passed = running?.first ? outcomes.filter(({ name }) => name.startsWith(`${running.first} `)) : []
  if (passed.length === 0) return undefined
  return [...passed.map(({ name }) => `${chalk.green('✓')} ${name}`), '', 'The other checks are running.']
}

function waiting({ lesson }: View): string[] {
  return [
    `Read ${chalk.cyan(`lessons/${lesson.folder}/README.md`)}; ${chalk.cyan('m')} shows the demo.`,
    `You will write ${chalk.cyan(inProject(lesson.file))}.`,
  ]
}

function proved({ lesson, outcomes, next }: View): string[] {
  const goOn = next
    ? `${chalk.cyan('n')} goes on: ${next.number} · ${next.title}, ${minutesOf(next)} minutes.`
    : 'That was the last one: all lessons are done. Try it: npm run box -- run -- sh'
  return [
    chalk.green(`Lesson ${lesson.number} is done. You proved:`),
    ...outcomes.map(({ name }) => `  ${chalk.green('✓')} ${name}`),
    '',
    mechanismNames().includes(lesson.name) ? `From now on ${chalk.cyan('npm run box')} runs your ${lesson.name}.` : '',
    `More to try: "Break it" in lessons/${lesson.folder}/README.md`,
    goOn,
  ]
}
