import { type ComponentChild, h } from 'preact'
import type { State } from '../lib/progress.ts'
import {
  type InNeed,
  type LessonFigures,
  type LessonInfo,
  MANY,
  silentOnTasks,
  standingIn,
  type TaskFigures,
} from './figures.ts'
import type { Learner } from './learners.ts'
import type { ClassReport } from './page.ts'
import { printable } from './printable.ts'
import type { HandedInLesson, Unreadable } from './read.ts'

/** A sign and a word for each state: nothing is said by its colour alone. */
const STATES: Record<State, { sign: string; word: string }> = {
  done: { sign: '✓', word: 'done' },
  begun: { sign: '◐', word: 'begun' },
  stale: { sign: '↻', word: 'edited' },
  new: { sign: '·', word: 'new' },
}
const ORDER: State[] = ['done', 'begun', 'stale', 'new']

/** The head of the page: which class, how many, how old. */
export function summary({ name, learners, unreadable, lessons }: ClassReport) {
  const dates = learners.map(({ report }) => report.date).sort((a, b) => Date.parse(a) - Date.parse(b))
  const done = learners.flatMap((one) => lessons.map((lesson) => standingIn(one, lesson)?.state === 'done'))
  const share = Math.round((100 * done.filter(Boolean).length) / Math.max(1, done.length))
  return h(
    'header',
    null,
    h('h1', null, name),
    h(
      'dl',
      { class: 'summary' },
      fact('learners', learners.length),
      fact('of all lessons done', `${share} %`),
      fact('oldest report', date(dates[0])),
      fact('newest report', date(dates.at(-1))),
      fact(unreadable.length === 1 ? 'file not readable' : 'files not readable', unreadable.length),
    ),
    h(
      'nav',
      { 'aria-label': 'Parts of this page' },
      [
        ['progress', 'The lessons'],
        ['stuck', 'Where the class is stuck'],
        ['need', 'Who needs help'],
        ['matrix', 'Who is where'],
        ['files', 'Files'],
        ['remarks', 'How to read this'],
      ].map(([id, text]) => h('a', { href: `#${id}` }, text)),
    ),
  )
}

function fact(label: string, value: ComponentChild) {
  return h('div', null, h('dt', null, label), h('dd', null, value))
}

/** How far the class is with each lesson. */
export function progress(figures: LessonFigures[], learners: number) {
  return section(
    'progress',
    'The lessons',
    table(
      ['lesson', ...ORDER.map((state) => legend(state)), 'all of them', 'checked', 'hints', 'saw the reference'],
      figures.map(({ lesson, states, attempts, hints, referenceShown }) => [
        lessonName(lesson),
        ...ORDER.map((state) => number(states[state])),
        bar(states, learners),
        number(attempts),
        number(hints),
        number(referenceShown),
      ]),
      'figures',
    ),
  )
}

const legend = (state: State) => [h('span', { class: `key ${state}`, 'aria-hidden': 'true' }), STATES[state].word]

/** Widths are attributes of SVG: the policy forbids style attributes. */
function bar(states: Record<State, number>, learners: number) {
  let x = 0
  const parts = ORDER.map((state) => {
    const width = (100 * states[state]) / Math.max(1, learners)
    x += width
    return h('rect', { class: state, x: round(x - width), y: 0, width: round(width), height: 10 })
  })
  return h('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, parts)
}

const round = (number: number) => Math.round(100 * number) / 100

/** The tasks that keep most learners. */
export function stuck(figures: TaskFigures[]) {
  if (figures.length === 0) return section('stuck', 'Where the class is stuck', h('p', null, 'Nowhere.'))
  const rows = figures.map(({ id, title, begun, failing, unwritten, helped, hints }) => [
    [h('b', null, id), ' ', title],
    number(failing),
    share(failing, begun),
    number(unwritten),
    number(helped),
    number(hints),
  ])
  return section(
    'stuck',
    'Where the class is stuck',
    table(
      ['task', 'fails for', 'of those who began its lesson', 'not written by', 'took hints', 'hints in all'],
      rows,
      'figures',
    ),
  )
}

function share(part: number, all: number) {
  const width = round((100 * part) / Math.max(1, all))
  const svg = h(
    'svg',
    { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('rect', { class: 'new', x: 0, y: 0, width: 100, height: 10 }),
    h('rect', { class: 'failing', x: 0, y: 0, width, height: 10 }),
  )
  return h('span', { class: 'share' }, svg, ` ${Math.round(width)} %`)
}

/** Whom to go to first. */
export function need(all: InNeed[]) {
  const rule = `Here is who has not done a task after its last hint, who has checked a lesson more than ${MANY} times for each of its
tasks, who has seen the reference and still fails, and who has not begun.`
  if (all.length === 0)
    return section('need', 'Who needs help', h('p', null, 'Nobody, as far as reports tell.'), note(rule))
  const rows = all.map(({ learner, reasons }) => [
    learner.label,
    h(
      'ul',
      null,
      reasons.map((reason) => h('li', null, reason)),
    ),
  ])
  return section('need', 'Who needs help', table(['learner', 'why'], rows), note(rule))
}

/** The matrix. */
export function whoIsWhere(learners: Learner[], lessons: LessonInfo[]) {
  const headings = lessons.map(({ number, name }) => [h('b', null, number), ' ', h('span', null, name)])
  const rows = learners.map((learner) => {
    const cells = lessons.map((lesson) => standing(standingIn(learner, lesson)))
    const done = learner.report.lessons.filter(({ state }) => state === 'done').length
    return [who(learner), ...cells, number(Math.min(done, lessons.length)), shortDate(learner.report.date)]
  })
  return section('matrix', 'Who is where', table(['learner', ...headings, 'done', 'report of'], rows, 'matrix'))
}

function who({ label, older }: Learner) {
  if (older.length === 0) return label
  return [label, h('small', null, `newest of ${older.length + 1} reports`)]
}

function standing(one: HandedInLesson | undefined) {
  const state = one?.state ?? 'new'
  const { sign, word } = STATES[state]
  const text = one && state === 'begun' ? `${one.passed} of ${one.checks}` : word
  return h('span', { class: `state ${state}` }, h('span', { 'aria-hidden': 'true' }, sign), ' ', text)
}

/** What could not be read, and why. */
export function files(unreadable: Unreadable[]) {
  if (unreadable.length === 0) return section('files', 'Files', h('p', null, 'All files could be read.'))
  const rows = unreadable.map(({ file, why }) => [h('code', null, file), why])
  return section('files', 'Files that were not read', table(['file', 'why'], rows))
}

/** What the page means, what was decided, and what is in it. */
export function remarks({ learners, lessons, others }: ClassReport) {
  const twice = learners.filter(({ older }) => older.length > 0)
  const namesakes = learners.filter(({ namesake }) => namesake)
  const silent = silentOnTasks(learners)
  const known = new Set(lessons.map(({ folder }) => folder))
  const strange = new Set(learners.flatMap(({ report }) => report.lessons.map(({ lesson }) => lesson)))
  const unknown = [...strange.difference(known)].map((lesson) => printable(lesson, 40))
  return section(
    'remarks',
    'How to read this',
    h(
      'ul',
      { class: 'remarks' },
      h(
        'li',
        null,
        ORDER.map((state) => [h('span', { class: `state ${state}` }, STATES[state].sign, ' ', meaning[state]), ' ']),
      ),
      twice.length > 0 &&
        h('li', null, `Of ${people(twice.length)} more than one report is here. The newest counts: `, list(twice)),
      namesakes.length > 0 &&
        h(
          'li',
          null,
          'These have one name, and nothing in their reports says that they are one learner. They are kept apart by their files: ',
          list(namesakes),
        ),
      silent > 0 &&
        h('li', null, `${silent} of the reports come from an older workshop, and do not say which task failed.`),
      unknown.length > 0 &&
        h(
          'li',
          null,
          `Reports speak of lessons that this workshop does not have: ${unknown.slice(0, 10).join(', ')}${unknown.length > 10 ? ' …' : ''}. They are left out.`,
        ),
      others > 0 &&
        h('li', null, `${others} other ${others === 1 ? 'name' : 'names'} in the folder did not end in .json.`),
      h(
        'li',
        null,
        'Failures are those of the last check before the report. A report that is older than the others knows less.',
      ),
      h(
        'li',
        null,
        'This page holds names, dates, states and counts, and none of the learners’ files. It goes nowhere by itself: keep it as you keep the reports.',
      ),
    ),
  )
}

const meaning: Record<State, string> = {
  done: 'done: all checks pass',
  begun: 'begun: so many of the checks pass',
  stale: 'edited since it was checked',
  new: 'never checked',
}

const people = (count: number) => (count === 1 ? 'one learner' : `${count} learners`)
const list = (learners: Learner[]) => `${learners.map(({ label }) => label).join(', ')}.`

function section(id: string, title: string, ...children: ComponentChild[]) {
  return h('section', { id, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), children)
}

const note = (text: string) => h('p', { class: 'note' }, text)

/** The first cell of each row is its heading. A wide table scrolls by itself, with the keyboard too. */
function table(headings: ComponentChild[], rows: ComponentChild[][], kind = 'plain') {
  const head = headings.map((heading) => h('th', { scope: 'col' }, heading))
  const body = rows.map(([first, ...cells]) => {
    return h(
      'tr',
      null,
      h('th', { scope: 'row' }, first),
      cells.map((cell) => h('td', null, cell)),
    )
  })
  return h(
    'div',
    { class: 'scroll', tabIndex: 0, role: 'group', 'aria-label': 'A table; it scrolls where it is too wide' },
    h('table', { class: kind }, h('thead', null, h('tr', null, head)), h('tbody', null, body)),
  )
}

const lessonName = ({ number, title }: LessonInfo) => [h('b', null, number), ' ', title]
const number = (count: number) => h('span', { class: count === 0 ? 'number none' : 'number' }, String(count))

/** Without the year, which stands at the head of the page. */
function shortDate(text: string) {
  return h('time', { dateTime: text }, new Date(text).toLocaleString('sv').slice(5, 16))
}

/** In the time of the machine that makes the page, as the files' own names are. */
function date(text: string | undefined) {
  if (!text) return '–'
  return h('time', { dateTime: text }, new Date(text).toLocaleString('sv').slice(0, 16))
}
