import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempDisposableSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { project } from '../lib/lessons.ts'
import { Turns } from '../lib/turns.ts'
import { watchLesson } from '../lib/watch.ts'
import { Clone, STARTER } from './clone.ts'
import { Terminal } from './terminals.ts'

const ENDLESS = "export const uts = { name: 'uts', flags: 0, inside() { for (;;); } }"
const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
beforeEach(() => writeFileSync(mine(), STARTER))
afterAll(() => clone[Symbol.dispose]())

const mine = () => join(clone.path, 'lessons/04-uts/uts.ts')
const finish = () => copyFileSync(join(project, 'solutions/04-uts/uts.ts'), mine())

/** `learn` in a terminal that tells its name, how it is set before and after, and whose process it was. */
function learn(env: NodeJS.ProcessEnv = {}): Terminal {
  const node = `"${process.execPath}" --no-warnings scripts/learn.ts 04`
  const script = `tty; stty rows 50 cols 80; stty -g; sh -c 'echo pid $$; exec ${node}'; echo code $?; stty -g`
  writeFileSync(join(clone.path, 'learn.sh'), script)
  return new Terminal(['sh', 'learn.sh'], { cwd: clone.path, env: { NO_COLOR: '1', ...env } })
}

function expectAsBefore({ output }: Terminal): void {
  const settings = output.match(/^[0-9a-f]+(:[0-9a-f]+)+(?=\r?$)/gm)
  expect(settings, 'stty -g before and after').toHaveLength(2)
  expect(settings?.[1], 'the terminal is set as before').toBe(settings?.[0])
}

/** Gives a terminal another size, as somebody does who drags its corner: first the rows, then the columns. */
function resize({ output }: Terminal, rows: number, columns: number): void {
  const [name = ''] = /\/dev\/pts\/\d+/.exec(output) ?? []
  expect(spawnSync('stty', ['-F', name, 'rows', `${rows}`, 'cols', `${columns}`]).status, name).toBe(0)
}

/** The last screen that was drawn. */
function screenOf({ output }: Terminal): string[] {
  const screen = output.split('\x1b[H').at(-1) ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return screen.replace(/\x1b\[\w/g, '').split(/\r?\n/)
}

test('each save is checked by itself, until the lesson is done; the keys help; all fits the screen', {
  timeout: seconds(60),
}, async () => {
  using terminal = learn({ TERM: 'xterm' })
  await terminal.type('', /0 of 3 checks pass[\s\S]*04\.1 sethostname\(2\): not written yet[\s\S]*h hint/)
  expect(screenOf(terminal).length, 'it draws over itself').toBeLessThanOrEqual(50)
  for (const line of screenOf(terminal)) expect(line.length, line).toBeLessThanOrEqual(80)

  resize(terminal, 14, 40)
  const fits = () => screenOf(terminal).every(({ length }) => length <= 40)
  await terminal.until(() => fits() && screenOf(terminal).join().includes('h hint'), 'lines of 40 columns')
  // A hint for which the lesson leaves no room has the screen to itself.
  await terminal.type('h', /Hint 1 of 3[\s\S]*Ask again[\s\S]*Any key goes back/)
  await terminal.type('x', /0 of 3 checks pass[\s\S]*h hint/)
  resize(terminal, 50, 80)
  await terminal.until(() => screenOf(terminal).some((line) => /^h hint.*q quit/.test(line)), 'all keys in a line')
  await terminal.type('h', /Hint 2 of 3[\s\S]*h hint/)
  await terminal.type('h', /Hint 3 of 3[\s\S]*h hint/)
  await terminal.type('d', /You have not changed lessons\/04-uts\/uts\.ts yet/)

  const half = STARTER.replace("notWritten('04.1 sethostname(2)')", 'spec.hostname').replace('inside()', 'inside(spec)')
  writeFileSync(mine(), half)
  await terminal.type('', /expected {2}box[\s\S]*0 of 3 checks pass/)

  await terminal.type('d', /-.*04\.1 sethostname[\s\S]*\+ *spec\.hostname[\s\S]*Any key goes back/)
  await terminal.type('x', /h hint · d diff/)
  await terminal.type('r', /What you wrote is kept\. +y \/ n/)
  await terminal.type('n', /h hint/)
  expect(readFileSync(mine(), 'utf8'), 'no means no').toBe(half)
  await terminal.type('r', /y \/ n/)
  await terminal.type('y', /The starter is back[\s\S]*04\.1 sethostname\(2\): not written yet/)
  expect(readFileSync(mine(), 'utf8')).toBe(STARTER)
  await terminal.type('l', /→ +04 +A name of its own[\s\S]*Any key goes back/)
  await terminal.type('x', /h hint/)

  finish()
  await terminal.type('', /Lesson 04 is done. You proved:[\s\S]*04\.3 the container has the NIS/)
  await terminal.type('n', /05 · /)
  expect(await terminal.end('q'), terminal.output).toBe(0)
  expect(terminal.output).toContain('code 0')
  expectAsBefore(terminal)
})

test('after a save, the task that failed is checked first; an edit during a run starts the checks again', {
  timeout: seconds(60),
}, async () => {
  using terminal = learn()
  const half = STARTER.replace("notWritten('04.1 sethostname(2)')", 'sethostname(spec.hostname)')
    .replace('inside()', 'inside(spec)')
    .replace('flags: 0', 'flags: CLONE_NEWUTS')
  writeFileSync(mine(), `import { CLONE_NEWUTS, sethostname } from '#given/libc.ts'\n${half}`)
  await terminal.type('', /✓✓✗ +2 of 3 checks pass/)

  writeFileSync(mine(), ENDLESS)
  await terminal.type('', /Checking/)
  const [before, started] = [terminal.output.length, Date.now()]
  finish()
  await terminal.type('', /Lesson 04 is done/)
  expect(Date.now() - started, 'it did not wait for the loop').toBeLessThan(seconds(8))

  const screens = terminal.output.slice(before).split('04 · A name of its own')
  const drawn = screens.flatMap((screen) => /^([✓✗·]{3}) Checking/m.exec(screen)?.[1] ?? [])
  const known = drawn.filter((marks, i) => marks !== drawn[i - 1]) // drawn again each second
  expect(known[0], 'at first, what was known before the save').toBe('✓✓✗')
  expect(known[1], 'then 04.3, and of the others nothing yet').toBe('··✓')
  const second = screens.find((screen) => screen.includes('··✓ Checking'))
  expect(second, 'its verdict is there before the others').toMatch(/✓ 04\.3[\s\S]*The other checks are running\./)

  writeFileSync(mine(), ENDLESS)
  await terminal.type('', /Checking/)
  writeFileSync(mine(), STARTER)
  expect(await terminal.end(CTRL_C)).toBe(0) // in the middle of a run, and just when something was saved
  expectAsBefore(terminal)
  await terminal.until(() => !processes().includes(clone.path), 'no process is left')
})

test('checks that run side by side are told in the order of their file, a wanted task before', () => {
  const told: string[] = []
  const checks = ['04.1 a', '04.1 b', '04.2 c', '04.3 d', '04.3 e'].map((name) => ({ name, passed: true, said: [] }))
  const turns = new Turns(({ name }) => told.push(name), '04.3')
  turns.expect(checks)
  for (const name of ['04.3 e', '04.1 b', '04.3 d', '04.2 c']) {
    turns.take({ name, passed: true, said: [] })
  }
  expect(told).toEqual(['04.3 d', '04.3 e'])
  turns.skip('04.1 a')
  expect(told).toEqual(['04.3 d', '04.3 e', '04.1 b', '04.2 c'])
  expect(turns.outcomes.map(({ name }) => name)).toEqual(['04.1 b', '04.2 c', '04.3 d', '04.3 e'])
})

test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('%s ends it, and the terminal is as before', async (signal) => {
  using terminal = learn({ TERM: 'xterm' })
  await terminal.type('', /Checking/)
  process.kill(Number(/pid (\d+)/.exec(terminal.output)?.[1]), signal)
  await terminal.end()
  expect(terminal.output).toMatch(/code 1\d\d/)
  expectAsBefore(terminal)
})

test('where nobody could bring it back, Ctrl-Z does nothing; an error of ours is a sentence', async () => {
  using terminal = learn()
  await terminal.type('', /h hint/)
  await terminal.type(CTRL_Z, /h hint/)
  await terminal.type('l', /Any key goes back/)
  renameSync(join(clone.path, 'lessons/04-uts'), join(clone.path, 'away'))
  await terminal.end()
  renameSync(join(clone.path, 'away'), join(clone.path, 'lessons/04-uts'))
  expect(terminal.output).toMatch(/learn: ENOENT.*\r?\ncode 1/)
  expectAsBefore(terminal)
})

test('without a terminal it says where you are', () => {
  const { code, output } = clone.run('learn', '04')
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('04 · A name of its own') })
})

test('a save is noticed where no event tells of it, as in a shared folder, and a touch is no save', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'workshop-watch-'))
  const file = join(folder.path, 'uts.ts')
  const saved: number[] = []
  writeFileSync(file, STARTER)
  using _ = watchLesson({ folder: '04-uts', file }, () => saved.push(Date.now())) // events would come from lessons/04-uts
  writeFileSync(file, STARTER)
  await sleep(400)
  expect(saved, 'the same text').toEqual([])
  const at = Date.now()
  writeFileSync(file, ENDLESS)
  await expect.poll(() => saved.length, { timeout: seconds(5) }).toBe(1)
  expect((saved[0] ?? 0) - at).toBeLessThan(seconds(1))
})

function processes(): string {
  return spawnSync('ps', ['-ww', '-eo', 'args'], { encoding: 'utf8' }).stdout
}
