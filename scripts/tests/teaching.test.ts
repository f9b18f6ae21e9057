import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allLessons, type Found, project } from '../lib/lessons.ts'
import { readCommands } from '../transcripts/commands.ts'

const text = readFileSync(join(project, 'lessons/TEACHING.md'), 'utf8')
const lessons = await allLessons()
const allMinutes = sum(lessons.flatMap(({ minutes }) => minutes))

interface Row {
  /** Minutes since the beginning. */
  at: number
  minutes: number
  what: string
}

/** The part of the file below a heading, up to the next one of its level or above. */
function below(heading: string): string {
  const level = heading.indexOf(' ')
  const [, rest = ''] = text.split(`\n${heading}\n`)
  return rest.split(new RegExp(`\\n#{1,${level}} `))[0] ?? ''
}

/** The first table with a clock, and its last line, which has the sum. */
function plan(heading: string): { rows: Row[]; end: Row } {
  const lines = below(heading).split('\n')
  const rows = lines.flatMap((line) => {
    const [, hours = '', minutes = '', long = '', what = ''] =
      /^\| (\d):(\d\d) \| \**(\d+)\** \| \**([^|]*?)\** \|/.exec(line) ?? []
    return long ? [{ at: Number(hours) * 60 + Number(minutes), minutes: Number(long), what }] : []
  })
  const end = rows.pop()
  if (!end) throw new Error(`${heading}: no plan there`)
  return { rows, end }
}

/** The sittings of lessons in a plan: `06.1` is the first one of 06. */
function sittings(rows: Row[]): { id: string; minutes: number }[] {
  return rows.flatMap(({ what, minutes }) => {
    const [, number, folder, title, sitting] = LESSON.exec(what) ?? []
    if (!number) return []
    const lesson = lessons.find((one) => one.number === number)
    expect(what, 'a lesson as its folder and its lesson.ts call it').toMatch(`${lesson?.folder}/README.md`)
    expect([folder, title], what).toEqual([lesson?.folder, lesson?.title])
    const parts = lesson?.minutes ?? []
    expect(Boolean(sitting), `${what}: a sitting is named where there are several`).toBe(parts.length > 1)
    const place = sitting ? ['first', 'second', 'third'].indexOf(sitting) : 0
    expect(minutes, `${what}: the minutes of lesson.ts`).toBe(parts[place])
    return [{ id: `${number}.${place + 1}`, minutes }]
  })
}

const LESSON = /^\[(\d\d)\]\(([^/]+)\/README\.md\) (.+?)(?:, (first|second|third) sitting)?$/

test.for([
  ['## Half a day', 240],
  ['### The first day', 360],
  ['### The second day', 360],
] as const)('%s: each row begins when the one before it ends, and the sum is what it says', ([heading, all]) => {
  const { rows, end } = plan(heading)
  expect(rows.length).toBeGreaterThan(8)
  let clock = 0
  for (const { at, minutes, what } of rows) {
    expect(at, what).toBe(clock)
    clock += minutes
  }
  expect(end).toEqual({ at: clock, minutes: all, what: 'in all' })
  expect(clock).toBe(all)
})

test('half a day: its lessons take the minutes that the text says', () => {
  const taken = sittings(plan('## Half a day').rows)
  expect(below('## Half a day')).toContain(`${sum(taken.map(({ minutes }) => minutes))} of the ${allMinutes} minutes`)
  for (const { id } of taken) {
    const earlier = Number(id.slice(3)) - 1
    const before = taken.some((other) => other.id === `${id.slice(0, 3)}${earlier}`)
    expect(earlier === 0 || before, `${id} without the sitting before it`).toBe(true)
  }
})

test('two days: every sitting of every lesson, once and in order', () => {
  const taken = sittings([...plan('### The first day').rows, ...plan('### The second day').rows])
  const all = lessons.flatMap(({ number, minutes }) => minutes.map((_, i) => `${number}.${i + 1}`))
  expect(taken.map(({ id }) => id)).toEqual(all)
  expect(sum(taken.map(({ minutes }) => minutes))).toBe(allMinutes)
})

test.for(lessons.map((lesson): [string, Found] => [lesson.folder, lesson]))(
  '%s: idea, show, questions, mistakes, and an exercise whose answer is run',
  ([, { number, title }]) => {
    const part = below(`## ${number} · ${title}`)
    for (const label of ['The idea.', 'Show.', 'Ask.', 'What goes wrong.', 'Exercise.']) {
      expect(part, label).toContain(`**${label}**`)
    }
    expect(part).toContain('*Answer.*')
    expect(part).toContain(`npm run demo ${number}`)
    expect((part.match(/^- \*.+\?\*/gm) ?? []).length, 'questions').toBeGreaterThanOrEqual(3)
    const commands = readCommands(part)
    expect(commands.length, 'a command in the answer').toBeGreaterThan(0)
    for (const { notRun, typed } of commands) expect(notRun, typed).toBeUndefined()
  },
)

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
