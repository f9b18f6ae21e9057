import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { patience, seconds } from '#given/patience.ts'
import { processes } from '#given/proc.ts'
import { describe } from '../lib/ledger.ts'
import { project } from '../lib/lessons.ts'
import { Clone, STARTER } from './clone.ts'

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
afterAll(() => clone[Symbol.dispose]())

const mine = () => join(clone.path, 'lessons/04-uts/uts.ts')

/** Puts something in the learner's file and runs its checks. */
function check(source: string, what = '04') {
  writeFileSync(mine(), source)
  return clone.run('check', what)
}

test('an untouched starter fails, each task with its own message', () => {
  const { code, output } = check(STARTER)
  expect(code).toBe(1)
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

test.for([
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
] as const)('%s becomes a sentence', ([, source, sentence]) => {
  const { code, output } = check(source, '04.1') // the other tasks' checks would meet the same
  expect(code).toBe(1)
  expect(output).toContain(sentence)
  expect(output, 'a stack trace helps nobody').not.toMatch(/\n\s+at .*:\d+:\d+|stack trace/)
})

test('an endless loop, or a wait, ends in time, with a question, and nothing of it is left', {
  timeout: seconds(60),
}, () => {
  vi.stubEnv('WORKSHOP_PATIENCE', String(Math.min(5, patience()))) // else an emulated machine loops for five minutes
  for (const [task, hang] of [
    ['04.1', 'for (;;) {}'],
    ['04.2', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
  ] as const) {
    writeFileSync(mine(), `export const uts = { name: 'uts', flags: 0, inside() { ${hang} } }`)
    const { code, output } = clone.run('check', task)
    expect(code).toBe(1)
    expect(output).toContain('wait, or loop, for ever?')
  }
  vi.unstubAllEnvs()
  expect(processes().filter((pid) => describe(pid).includes(clone.path))).toEqual([])
})

test('a lesson is found by number, name and folder, and a wrong name lists what there is', () => {
  copyFileSync(join(project, 'solutions/04-uts/uts.ts'), mine())
  for (const name of ['4', 'lessons/04-uts/'])
    expect(clone.run('check', name).output).toContain('04 · A name of its own')
  const { code, output } = clone.run('check', '42')
  expect(code).toBe(2)
  expect(output).toContain("there is no lesson '42'")
  expect(output).toContain('04-uts')
})
