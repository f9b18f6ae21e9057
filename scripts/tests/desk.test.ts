import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { seconds } from '#given/patience.ts'
import { compareTexts } from '../lib/compare.ts'
import { fileNameFor, harmless } from '../lib/reports.ts'
import { wrap } from '../lib/wrap.ts'
import { Clone, STARTER } from './clone.ts'
import { Terminal } from './terminals.ts'

const HALF = STARTER.replace("notWritten('04.1 sethostname(2)')", 'oops.oops')
const OTHER = `${HALF}// better\n`

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
afterAll(() => clone[Symbol.dispose]())

const mine = () => join(clone.path, 'lessons/04-uts/uts.ts')
const write = (text: string) => writeFileSync(mine(), text)
const read = () => readFileSync(mine(), 'utf8')

describe('a learner, one step after the other', { timeout: seconds(60) }, () => {
  test('hints: for the first task, then for the check that failed, a step further each time', async () => {
    expect(clone.run('hint', '04').output).toMatch(/first task that is not written[\s\S]*Hint 1 of 3/)
    write(HALF)
    expect(clone.run('check', '04.1')).toMatchObject({ code: 1, output: expect.stringContaining('0 of 1 checks') })
    expect(clone.run('list').output, 'a part is no whole').toMatch(/→ +04 .*begun, not all checked/)
    expect((await clone.ask('hint')).output, 'the lesson named last, and what the check said').toMatch(
      /This check failed: 04\.1[\s\S]*oops[\s\S]*Hint 2 of 3/,
    )
    write(OTHER)
    expect((await clone.ask('hint', 'uts')).output).toMatch(
      /You have changed your file since[\s\S]*04\.1[\s\S]*Hint 3 of 3/,
    )
    expect((await clone.ask('hint', '4.1')).output, 'the last one stays').toMatch(
      /Hint 3 of 3[\s\S]*npm run solution 04/,
    )
    expect(clone.run('hint', '04.3', '--all').output).toMatch(/Hint 1 of 3[\s\S]*Hint 2 of 3[\s\S]*Hint 3 of 3/)
  })

  test('a reset keeps what was there, and brings it back, however often', async () => {
    expect(clone.run('diff', '04').output).toMatch(/^-.*04\.1[\s\S]*^\+.*oops/m)
    expect(clone.run('reset', '04')).toMatchObject({ code: 0, output: expect.stringContaining('.workshop/backups/') })
    expect(read()).toBe(STARTER)
    expect((await clone.ask('reset', '04')).output).toContain('the starter already')
    write(HALF)
    await clone.ask('reset', '04')
    expect(clone.run('reset', '04', '--undo').code).toBe(0)
    expect(read(), 'the last one first').toBe(HALF)
    write(`${HALF}// not yet kept\n`)
    await clone.ask('reset', '04', '--undo')
    expect(read(), 'undo loses nothing either').toBe(HALF)
    expect(clone.run('reset', '04', '--list').output.trim().split('\n'), 'with the headings').toHaveLength(4)
    clone.run('reset', '04', '--restore', '3')
    expect(read()).toBe(OTHER)
    expect(await clone.ask('reset', '04', '--undo')).toMatchObject({
      code: 1,
      output: expect.stringContaining('oldest'),
    })
    expect((await clone.ask('reset', '04', '--restore', '9')).code).toBe(2)
  })

  test('a starter that nobody has kept cannot come back, and nothing is touched', async () => {
    rmSync(join(clone.path, '.workshop/originals'), { recursive: true })
    const { code, output } = await clone.ask('reset', '04')
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('nobody has kept the starter') })
    expect(read()).toBe(OTHER)
  })

  test('the reference is shown only to who says yes', async () => {
    expect(await clone.ask('solution', '04')).toMatchObject({ code: 2, output: expect.stringContaining('-- --yes') })
    expect(clone.run('diff', '04', '--reference').code).toBe(2)
    const command = [process.execPath, '--no-warnings', 'scripts/solution.ts', '04']
    for (const [answer, code] of [
      ['\n', 1],
      ['\x03', 1],
      ['y\n', 0],
    ] as const) {
      using terminal = new Terminal(command, { cwd: clone.path })
      await terminal.type('', /You have had 6 of the 9 hints of lesson 04[\s\S]*\[y\/N\] /)
      expect(await terminal.end(answer), JSON.stringify(answer)).toBe(code)
      expect(terminal.output.includes('setdomainname(')).toBe(code === 0)
    }
  })

  test('the report says how it went, and a name does no harm', () => {
    const { code } = clone.run('report', '--name', '=1+1 <b>../../Ada\u001b[31m Łovelace', '--with-files')
    expect(code).toBe(0)
    const [file = ''] = readdirSync(clone.path).filter((name) => name.startsWith('report-'))
    expect(file).toBe('report-1-1-b-ada-31m-łovelace.json')
    const report = JSON.parse(readFileSync(join(clone.path, file), 'utf8'))
    expect(report).toMatchObject({ schema: 1, name: '1+1 b .. .. Ada 31m Łovelace' })
    expect(report.lessons.find(({ lesson }: { lesson: string }) => lesson === '04-uts')).toEqual({
      lesson: '04-uts',
      title: 'A name of its own',
      state: 'stale', // it was HALF that was checked
      passed: 0,
      checks: 1,
      attempts: 1,
      hints: { '04.1': 3, '04.3': 3 },
      failed: { '04.1': 1 },
      unwritten: [],
      begun: expect.stringMatching(/^20.*Z$/),
      referenceShown: expect.stringMatching(/^20.*Z$/),
      file: OTHER,
    })
  })
})

test('check: as data, for CI, and each mistake with a way on', { timeout: seconds(60) }, async () => {
  write(STARTER)
  const { code, output } = clone.run('check', '04.3', '04.2', '--json', '--junit', 'out/checks.xml')
  expect(code).toBe(1)
  const data = JSON.parse(output.slice(0, output.lastIndexOf('}') + 1)) // then standard error: where the report is
  expect(data.passed).toBe(false)
  expect(data.lessons).toHaveLength(2)
  expect(data.lessons[0]).toMatchObject({ lesson: '04-uts', file: 'lessons/04-uts/uts.ts', passed: false, broken: [] })
  const said = [expect.stringContaining('not written yet')]
  expect(data.lessons[0].checks).toMatchObject([{ task: '04.3', passed: false, said }])
  const junit = readFileSync(join(clone.path, 'out/checks.xml'), 'utf8')
  expect(junit).toMatch(/<testcase[^>]*04\.3/)
  expect(junit).toMatch(/<testcase[^>]*04\.2/)

  for (const [args, answer] of [
    [['utz'], /no lesson 'utz'\. Did you mean uts\?/],
    [['04.9'], /no task '04\.9'\. These are there:\s+04\.1/],
    [['04', '--watch', '--json'], /--watch/],
    [['--jsno'], /Did you mean --json\?/],
  ] as const) {
    expect(await clone.ask('check', ...args)).toMatchObject({ code: 2, output: expect.stringMatching(answer) })
  }
})

test('an option that npm took for its own is not just missing', () => {
  vi.stubEnv('npm_lifecycle_event', 'reset').stubEnv('npm_config_undo', 'true')
  const { code, output } = clone.run('reset', '04')
  vi.unstubAllEnvs()
  expect({ code, output }).toMatchObject({ code: 2, output: expect.stringContaining('-- --undo') })
})

test('two texts stand side by side where there is room, and one below the other where not', () => {
  const [from, to] = [
    { label: 'old', text: 'same\ngone\nlast\n' },
    { label: 'new', text: 'same\ncome\nmore\nlast\n' },
  ]
  const plain = (columns: number) => compareTexts(from, to, columns).map(stripVTControlCharacters)
  expect(plain(80)).toEqual(['--- old', '+++ new', '@@ -1,3 +1,4 @@', ' same', '-gone', '+come', '+more', ' last'])
  const left = (text: string) => text.padEnd(58)
  expect(plain(120)).toEqual([
    `${left('old')}   new`,
    '@@ -1,3 +1,4 @@',
    `${left('same')}   same`,
    `${left('gone')} | come`,
    `${left('')} > more`,
    `${left('last')}   last`,
  ])
  expect(compareTexts(from, { ...from, label: 'copy' }, 80)).toEqual([])
})

test('names: letters of all scripts stay, what could do harm goes', () => {
  expect(harmless('김민수')).toBe('김민수')
  expect(harmless("Jean-Luc O'Neill, Jr.")).toBe("Jean-Luc O'Neill, Jr.")
  expect(harmless('\n\t<script>"&\u0007')).toBe('script')
  expect(harmless('@SUM(A1)')).toBe('SUM A1')
  expect(harmless('..')).toBe('nobody')
  expect(harmless('x'.repeat(1000))).toHaveLength(60)
  expect(fileNameFor('../../etc/passwd')).toBe('report-etc-passwd.json')
  expect(fileNameFor('김민수')).toBe('report-김민수.json')
})

test('lines are broken at spaces, and keep their indent', () => {
  expect(wrap('    one two three four five', 20)).toEqual(['    one two three', '    four five'])
  expect(wrap('x'.repeat(50), 20)).toEqual(['x'.repeat(20), 'x'.repeat(20), 'x'.repeat(10)])
})
