import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { exitCodeOf } from '#given/explain.ts'
import { seconds } from '#given/patience.ts'
import { allLessons, type Found, project } from '../lib/lessons.ts'
import { sumUp } from '../report/class.ts'
import { inNeed, lessonFigures, stuckAt } from '../report/figures.ts'
import { learnersOf } from '../report/learners.ts'
import { type HandedIn, readFolder } from '../report/read.ts'
import {
  HOSTILE_FILES,
  HOSTILE_NAMES,
  overfullReport,
  reportOf,
  writeBroken,
  writeClass,
} from './fixtures/handed-in.ts'

let scratch: string
let lessons: Found[]
beforeAll(async () => {
  lessons = await allLessons()
})
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'workshop-report-'))
  mkdirSync(join(scratch, 'class'))
  return () => rmSync(scratch, { recursive: true })
})

const inClass = (name: string) => join(scratch, 'class', name)
const hand = (name: string, report: object) => writeFileSync(inClass(name), JSON.stringify(report))

/** Runs the command as somebody would who stands in the scratch folder. */
function report(...args: string[]) {
  const env = { ...process.env, INIT_CWD: scratch, NO_COLOR: '1' }
  const options = { cwd: project, env, encoding: 'utf8', timeout: seconds(60) } as const
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', 'scripts/report.ts', ...args],
    options,
  )
  return { code: status, stdout, stderr }
}

/** What it does for --class, in this process: what it prints. */
async function summedUp(folder: string, out = folder): Promise<string> {
  const [log] = (['log', 'error'] as const).map((name) => vi.spyOn(console, name).mockReturnValue())
  try {
    await sumUp(join(scratch, folder), join(scratch, out))
    return log?.mock.calls.join('\n') ?? ''
  } finally {
    vi.restoreAllMocks()
  }
}

describe('a class of 200 files, some of them broken or hostile', { timeout: seconds(60) }, () => {
  let folder: string
  let broken: Record<string, RegExp>
  let result: ReturnType<typeof report>
  let page: string
  let table: string[][]
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'workshop-class-'))
    mkdirSync(join(folder, 'class'))
    broken = writeClass(join(folder, 'class'), 200, lessons)
    result = report('--class', join(folder, 'class'))
    page = readFileSync(join(folder, 'class.html'), 'utf8')
    table = readCsv(readFileSync(join(folder, 'class.csv'), 'utf8'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('there are 200, and every one is in the page or named as broken', () => {
    expect(readdirSync(join(folder, 'class'))).toHaveLength(200)
    const good = 200 - Object.keys(broken).length
    expect(result).toMatchObject({ code: 0 })
    expect(result.stdout).toContain(
      `${good} learners of 200 files\n  ${Object.keys(broken).length} not read: see above`,
    )
    expect(table).toHaveLength(1 + good * lessons.length)
    for (const one of ['Learner 1', 'Learner 100', 'Overfull']) expect(page).toContain(`<th scope="row">${one}</th>`)
  })

  test('each broken file is named with the reason, in the terminal and in the page', () => {
    const said = new Map(
      result.stderr
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [, file = '', why = ''] = /^not read {2}(.*?): (.*)$/.exec(line) ?? []
          return [file, why]
        }),
    )
    expect([...said.keys()].sort()).toEqual(Object.keys(broken).sort())
    for (const [file, why] of Object.entries(broken)) {
      expect(said.get(file), file).toMatch(why)
      expect(page, file).toContain(`<code>${escaped(file)}</code>`)
    }
  })

  test('nothing in a terminal but text', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(result.stdout + result.stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/)
  })

  test('nothing in the page that could run or load', () => {
    const tags = new Set([...page.matchAll(/<(\w+)/g)].map(([, tag]) => tag))
    for (const tag of ['script', 'img', 'iframe', 'object', 'link', 'form', 'base']) expect(tags).not.toContain(tag)
    expect(page).not.toMatch(/<[^>]+\s(on\w+|style|src)\s*=/)
    expect([...page.matchAll(/href="([^"]*)"/g)].every(([, target]) => target?.startsWith('#'))).toBe(true)
    expect(page).toMatch(/Content-Security-Policy" content="default-src &#39;none&#39;;|default-src 'none';/)
  })

  test('the table reads back, each line has all columns, and no cell is a formula', () => {
    const [head = [], ...lines] = table
    expect(head.slice(0, 6)).toEqual(['learner', 'file', 'date', 'lesson', 'title', 'state'])
    for (const line of lines) {
      expect(line).toHaveLength(head.length)
      for (const cell of line) expect(cell).not.toMatch(/^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/)
    }
    const learners = new Set(lines.map(([name]) => name))
    for (const name of HOSTILE_NAMES) expect(learners).not.toContain(name)
    expect(lines.some(([, file]) => file === `'${HOSTILE_FILES[0]}`)).toBe(true)
  })

  test('what a report says of a learner is in his line', () => {
    for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      for (const one of reportOf(number, lessons).lessons) {
        const line = table.find(([name, , , lesson]) => name === `Learner ${number}` && lesson === one.lesson)
        const { state, passed, checks, attempts, hints, failed = {}, unwritten = [], begun = '' } = one
        const counts = (all: Record<string, number>) => {
          const some = Object.entries(all).filter(([, count]) => count > 0)
          return some.map(([task, count]) => `${task}: ${count}`).join('; ')
        }
        const taken = Object.values(hints).reduce((sum, count) => sum + count, 0)
        const numbers = [passed, checks, attempts, taken].map(String)
        const expected = [state, ...numbers, counts(hints), counts(failed), unwritten.join('; '), begun]
        expect(line?.slice(5, 14)).toEqual(expected)
      }
    }
  })
})

test('what a report holds beside a report is not taken, and changes no prototype', () => {
  writeFileSync(inClass('overfull.json'), overfullReport(lessons))
  const { read } = readFolder(join(scratch, 'class'))
  expect(read).toHaveLength(1)
  expect(JSON.stringify(read)).not.toMatch(/polluted|hacked/)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  expect(read[0]?.report).toEqual(reportOf(2, lessons, 'Overfull'))
})

test('two reports of one learner: the newest counts, and it is said', async () => {
  const old = reportOf(5, lessons, 'Ada Lovelace')
  hand('ada.json', { ...old, date: '2026-10-05T08:00:00.000Z' })
  hand('ada-new.json', { ...old, date: '2026-10-06T08:00:00.000Z', lessons: old.lessons.map(finished) })
  expect(await summedUp('class')).toContain('1 learner of 2 files\n  1 older: of one learner')
  const page = readFileSync(join(scratch, 'class.html'), 'utf8')
  expect(page).toContain('newest of 2 reports')
  expect(page).toContain('100 %')
})

test('one name, nothing in common: two people, told apart by their files', async () => {
  hand('kim-1.json', reportOf(5, lessons, '김민수'))
  hand('kim-2.json', reportOf(6, lessons, '김민수'))
  expect(await summedUp('class')).toContain('2 learners of 2 files\nWritten')
  const page = readFileSync(join(scratch, 'class.html'), 'utf8')
  for (const label of ['김민수 (kim-1.json)', '김민수 (kim-2.json)']) expect(page).toContain(label)
  expect(page).toContain('nothing in their reports says that they are one learner')
})

test('where the class is stuck, and who needs help', () => {
  const [lesson] = lessons
  const [first, second] = lesson?.tasks ?? []
  if (!lesson || !first || !second) throw new Error('a lesson with two tasks')
  const standing = { lesson: lesson.folder, state: 'begun' as const, passed: 1, checks: 3, hints: {}, attempts: 1 }
  const all: [string, Partial<HandedIn['lessons'][number]>][] = [
    ['passes', { state: 'done', passed: 3 }],
    ['fails', { failed: { [first.id]: 2 } }],
    ['has all hints', { failed: { [first.id]: 2 }, hints: { [first.id]: 3 } }],
    ['stares', { unwritten: [second.id], hints: { [second.id]: 3 } }],
    ['tries', { attempts: 1 + 4 * lesson.tasks.length }],
    ['has looked', { referenceShown: '2026-10-05T08:00:00Z' }],
    ['sleeps', { state: 'new', passed: 0, checks: 0, attempts: 0 }],
  ]
  const learners = learnersOf(
    all.map(([name, one]) => {
      const date = '2026-10-05T08:00:00Z'
      return { file: `${name}.json`, report: { schema: 1, name, date, lessons: [{ ...standing, ...one }] } }
    }),
  )
  expect(lessonFigures(learners, lessons)[0]?.states).toEqual({ new: 1, begun: 5, stale: 0, done: 1 })
  expect(stuckAt(learners, lessons)).toEqual([
    { id: first.id, title: first.title, begun: 6, failing: 2, unwritten: 0, helped: 1, hints: 3 },
    { id: second.id, title: second.title, begun: 6, failing: 0, unwritten: 1, helped: 1, hints: 3 },
  ])
  const reasons = Object.fromEntries(inNeed(learners, lessons).map(({ learner, reasons }) => [learner.label, reasons]))
  expect(reasons).toEqual({
    'has all hints': [`${first.id} fails after its last hint`],
    stares: [`${second.id} is not written after its last hint`],
    tries: [`${lesson.number} was checked 13 times, and 2 of 3 checks fail`],
    'has looked': [`${lesson.number}: has seen the reference, and 2 of 3 checks fail`],
    sleeps: ['has begun nothing, and at least half of the class has'],
  })
})

test('what is not a class: what, why, what to do, and nothing written', async () => {
  writeFileSync(join(scratch, 'file'), '')
  mkdirSync(join(scratch, 'empty'))
  mkdirSync(join(scratch, 'broken'))
  writeBroken(join(scratch, 'broken'), lessons)
  for (const [args, code, says] of [
    [['--class'], 2, /--class/],
    [['--class', 'empty'], 1, /no report in empty: none of its names ends in \.json/],
    [['--class', 'class', '--name', 'Ada'], 2, /--name is for a report of your own/],
  ] as const) {
    const result = report(...args)
    expect(result, args.join(' ')).toMatchObject({ code, stderr: expect.stringMatching(says) })
    expect(result.stderr).not.toMatch(/\n\s+at /)
  }
  for (const [folder, code, says] of [
    ['nowhere', 2, /there is no \S*nowhere\. --class takes the folder/],
    ['file', 2, /file is no folder/],
    ['broken', 1, /none of the \d+ files in \S*broken is a report/],
  ] as const) {
    const error = await summedUp(folder).catch((error: Error) => error)
    expect(error, folder).toMatchObject({ message: expect.stringMatching(says) })
    expect(exitCodeOf(error), folder).toBe(code)
  }
  expect(readdirSync(scratch).sort()).toEqual(['broken', 'class', 'empty', 'file'])
})

test('where it goes: beside the folder, or where --out says, and never through a link', async () => {
  hand('one.json', reportOf(1, lessons))
  const { stdout } = report('--class', 'class/')
  expect(stdout).toContain('Written to class.html\n       and class.csv')
  expect(report('--class', 'class', '--out', 'sums/monday').code).toBe(0)
  expect(readdirSync(join(scratch, 'sums')).sort()).toEqual(['monday.csv', 'monday.html'])
  writeFileSync(join(scratch, 'precious'), 'as it was')
  symlinkSync('precious', join(scratch, 'trap.html'))
  await expect(summedUp('class', 'trap')).rejects.toThrow('is a symbolic link')
  expect(readFileSync(join(scratch, 'precious'), 'utf8')).toBe('as it was')
  expect(existsSync(join(scratch, 'trap.csv'))).toBe(false)
})

const finished = (one: HandedIn['lessons'][number]) => ({ ...one, state: 'done', passed: 3, checks: 3 })

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** RFC 4180, to the letter: no quote but around a cell, two for one within, CRLF at the end of each line. */
function readCsv(text: string): string[][] {
  const rows: string[][] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  cell.lastIndex = text.startsWith('\ufeff') ? 1 : 0
  for (let row: string[] = []; cell.lastIndex < text.length; ) {
    const at = cell.lastIndex
    const found = cell.exec(text)
    if (!found) throw new Error(`no CSV from here: ${text.slice(at, at + 60)}`)
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '')
    if (found[3] === ',') continue
    rows.push(row)
    row = []
  }
  return rows
}
