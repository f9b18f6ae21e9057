import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { start } from './boxes.ts'
import { Terminal } from './terminals.ts'

const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

// Such a key also drops what the shell has not read yet (termios(3), NOFLSH): so first the command says that it runs.
const sleepy = "sh -c 'echo up; exec sleep 60'"
const UP = /\r\nup\r\n$/

const box = (...args: string[]) => {
  ensureRootfs()
  return new Terminal([process.execPath, 'scripts/box.ts', 'run', '--reference', '--net', 'none', ...args])
}

test.each([
  ['as pid 1', []],
  ['behind an init', ['--init']],
  ['in a lab', ['--without', 'uts']],
])('a shell in a terminal has job control, survives Ctrl-C, and its exit code is its own: %s', async (_, options) => {
  using terminal = box(...options, '--', 'sh')
  await terminal.type('', /# $/)
  for (let i = 0; i < 3; i++) await terminal.type(CTRL_C, /# $/)
  await terminal.type(`${sleepy} && echo slept\n`, UP)
  await terminal.type(CTRL_C, /# $/)
  await terminal.type('echo code $?\n', /code 130\r\n/)
  await terminal.type(`${sleepy}\n`, UP)
  await terminal.type(CTRL_Z, /Stopped/)
  await terminal.type('fg\n', /fg\r\n.*sleep 60.*\r\n$/)
  await terminal.type(CTRL_C, /# $/)
  expect(await terminal.end('exit 3\n'), terminal.output).toBe(3)
  expect(terminal.output).not.toMatch(/tty|job control/)
})

test('a lab has a prompt that says so, and job control', async () => {
  using terminal = new Terminal([process.execPath, '--no-warnings', 'scripts/lab.ts'])
  await terminal.type('', /\[lab\] .*# $/)
  expect(terminal.output).not.toMatch(/job control|ioctl/)
  await terminal.type(`${sleepy}\n`, UP)
  await terminal.type(CTRL_C, /\[lab\] .*# $/)
  expect(await terminal.end('exit 4\n'), terminal.output).toBe(4)
})

test('a command that Ctrl-C does not reach, as pid 1, is killed by a second one', async () => {
  using terminal = box('--', 'cat') // no shell, which catches SIGINT until its exec
  await terminal.type('ready\n', /ready\r\nready\r\n/) // the terminal's echo, and cat's
  // Two that wait at the same time are one: signal(7). So more than two may have to be typed.
  for (let i = 0; i < 100 && !terminal.ended; i++, await sleep(50)) terminal.write(CTRL_C)
  expect(await terminal.end()).toBe(137)
})

test('behind an init, the first one ends it', async () => {
  using terminal = box('--init', '--', 'sh', '-c', 'echo ready; exec sleep 60')
  await terminal.type('', /ready/)
  expect(await terminal.end(CTRL_C)).toBe(130)
})

test('who has seen enough, such as head(1), hangs it up', async () => {
  const child = start(['--reference', '-t', '--', 'yes'])
  let errors = ''
  child.stderr?.on('data', (text) => {
    errors += text
  })
  child.stdout?.once('data', () => child.stdout?.destroy())
  const [code] = await once(child, 'close')
  expect({ code, errors }).toEqual({ code: 1, errors: '' }) // to write says EIO, as the container's pid 1 hears no SIGHUP
})
