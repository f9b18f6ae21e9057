import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { patience, seconds } from '#given/patience.ts'
import { processes } from '#given/proc.ts'
import { describe as commandOf } from '../lib/ledger.ts'
import { findLesson, project } from '../lib/lessons.ts'
import { Clone, STARTER } from './clone.ts'

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
afterAll(() => clone[Symbol.dispose]())

const mine = () => join(clone.path, 'lessons/04-uts/uts.ts')

test('an untouched starter fails, each task with its own message', () => {
  writeFileSync(mine(), STARTER)
  const { code, output } = clone.run('check', 'lessons/04-uts/')
  expect(code).toBe(1)
  expect(output).toContain('04 · A name of its own')
  expect(output).toContain('04.1 sethostname(2): not written yet')
  expect(output).toContain('04.2 not written yet')
  expect(output).toContain('04.3 setdomainname(2): not written yet')
  expect(output).toContain('Next: 04.1')
})

test('a finished one passes, and from then on the box takes it; a change makes it unproved again', () => {
  copyFileSync(join(project, 'solutions/04-uts/uts.ts'), mine())
  expect(clone.run('check', 'uts')).toMatchObject({ code: 0, output: expect.stringContaining('All 3 checks pass.') })
  expect(clone.run('box', 'run', '--', 'hostname').output).toMatch(/yours: uts/)
  writeFileSync(mine(), `${readFileSync(mine(), 'utf8')}\n`)
  expect(clone.run('box', 'run', '--', 'hostname').output).not.toMatch(/yours: .*uts/)
})

const MISTAKES = [
  ['a syntax error', 'export const uts = {', 'lessons/04-uts/uts.ts cannot be loaded'],
  ['TypeScript that is not erasable', 'enum X { A }\nexport const uts = { flags: X.A }', 'line 1, TypeScript enum'],
  ['a removed export', 'export const other = 1', "it does not export 'uts'"],
  ['a file that throws when it is loaded', 'throw new Error("oh dear")', 'oh dear'],
  [
    'process.exit',
    "export const uts = { name: 'uts', flags: 0, inside() { process.exit(0) } }",
    'Does an `inside` end the process?',
  ],
  [
    'a mistake at run time',
    "export const uts = { name: 'uts', flags: 0, inside(spec) { spec.no.such() } }",
    'in lessons/04-uts/uts.ts:1',
  ],
  [
    'a mistake of types',
    "import { sethostname } from '#given/libc.ts'\nexport const uts = { name: 'uts', flags: 0, inside() { sethostname(42) } }",
    'npm run types finds most such mistakes',
  ],
  [
    'a crash of Node itself',
    "export const uts = { name: 'uts', flags: 0, inside() { process.abort() } }",
    'Does an `inside` end the process?',
  ],
  [
    'something thrown that is no error',
    "export const uts = { name: 'uts', flags: 0, inside() { throw null } }",
    'something was thrown that is no Error: null',
  ],
] as const

const HANGS = `export const uts = { name: 'uts', flags: 0, inside({ hostname }) {
  if (hostname === 'loop') for (;;) {}
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
} }`

describe('what is wrong with a file becomes a sentence', () => {
  let code: number
  let output: string
  beforeAll(() => {
    const folder = join(clone.path, 'lessons/04-uts')
    writeFileSync(join(folder, 'mistakes.json'), JSON.stringify({ told: MISTAKES, hangs: HANGS }))
    copyFileSync(join(import.meta.dirname, 'fixtures/mistakes.ts'), join(folder, 'uts.test.ts'))
    vi.stubEnv('WORKSHOP_PATIENCE', String(Math.min(4, patience()))) // else an emulated machine loops for a minute
    ;({ code, output } = clone.run('check', '04'))
    vi.unstubAllEnvs()
    copyFileSync(join(project, 'lessons/04-uts/uts.test.ts'), join(folder, 'uts.test.ts'))
  }, seconds(60))

  /** What the check of this name said. */
  const said = (name: string) => output.split(/^ {2}[✓✗] /m).find((part) => part.startsWith(`${name}\n`)) ?? ''

  test.for(MISTAKES)('%s', ([what, , sentence]) => {
    expect(code).toBe(1)
    expect(said(`04.1 ${what}`), output).toContain(sentence)
    expect(output, 'a stack trace helps nobody').not.toMatch(/\n\s+at .*:\d+:\d+|stack trace/)
  })

  test('an endless loop, or a wait, ends in time, with a question, and nothing of it is left', () => {
    for (const name of ['04.1 an endless loop', '04.2 a wait']) {
      expect(said(name), output).toContain('wait, or loop, for ever?')
    }
    expect(processes().filter((pid) => commandOf(pid).includes(clone.path))).toEqual([])
  })
})

test('a lesson is found by number, name and folder, and a wrong name lists what there is', async () => {
  for (const name of ['4', '04', 'uts', '04-uts', 'lessons/04-uts/', './04-uts/uts.ts']) {
    expect((await findLesson(name)).folder, name).toBe('04-uts')
  }
  const { code, output } = clone.run('check', '42')
  expect(code).toBe(2)
  expect(output).toContain("there is no lesson '42'")
  expect(output).toContain('04-uts')
})
