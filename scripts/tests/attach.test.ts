import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { project } from '#given/spec.ts'
import { result, until } from './boxes.ts'
import { create, ended, forAll, gone, listed, mine, ok, ownStore, printed, run, start } from './keeping.ts'
import { Terminal } from './terminals.ts'

// Attaching to containers that are kept: by pipes, and in a terminal.

ownStore()

const LINES = 200_000
const MUCH = `seq ${LINES}`
const ALL = Array.from({ length: LINES }, (_, i) => `${i + 1}\n`).join('')

const PTS = 136 // Linux's major number of /dev/pts/N
const CTRL_C = '\x03'
const DETACH = '\x10\x11' // Ctrl-P Ctrl-Q
const DETACHED = /\nbox: detached; '[\w-]+' goes on/
// Whose trap a signal runs, its read(1) fails: that is no end of its input.
const ANSWERS =
  'echo ready; while :; do read -r line || continue; [ "$line" = end ] && break; echo "got $line"; done; exit 7'

/** One that is attached by pipes. */
class Attached {
  output = ''
  errors = ''
  readonly child
  readonly #closed

  constructor(verb: string, ...args: string[]) {
    this.child = start(verb, ...args)
    this.#closed = once(this.child, 'close')
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
  }

  async sees(text: string): Promise<void> {
    await until(() => this.output.includes(text), `${text} in ${JSON.stringify(this.output)} ${this.errors}`)
  }

  /** Writes, and waits for the answer of ANSWERS. Who has got it once is attached. */
  async asks(line: string): Promise<void> {
    this.child.stdin?.write(`${line}\n`)
    await this.sees(`got ${line}\n`)
  }

  async end(): Promise<number | null> {
    const [code] = await this.#closed
    return code
  }
}

// Two for all tests that only come and go: one that answers, and a shell in a terminal.
beforeAll(async () => {
  await forAll('attach-a', run('attach-a', `trap 'echo int' INT; trap 'echo term' TERM; ${ANSWERS}`, '-i'))
  await printed('attach-a', 'ready')
  await forAll('attach-b', shell('attach-b'))
})

/** One in a terminal of its own, where a shell does something first. */
function inTerminal(name: string, before = ':'): Terminal {
  const line = `${before}; exec ${process.execPath} ${project}/scripts/box.ts attach ${name}`
  return new Terminal(['sh', '-c', line])
}

/** Starts a shell with a terminal in the background. */
async function shell(name: string): Promise<string> {
  mine(name)
  const id = await ok('run', '-dit', '--reference', '--name', name, '--', 'sh')
  await printed(name, '# ')
  return id
}

test('what you write it reads, what it prints you see, and its exit code is yours, though of one with --rm nothing is left; --no-stdin only looks', async () => {
  await run('attach-e', ANSWERS, '-i', '--rm')
  await printed('attach-e', 'ready')
  const looker = new Attached('attach', '--no-stdin', 'attach-e')
  looker.child.stdin?.write('end\n')
  const one = new Attached('attach', 'attach-e')
  await one.asks('héllo')
  let asked = 'got héllo\n'
  for (let line = 0; !looker.output.includes('got'); line++) {
    await one.asks(`${line}`) // until it has begun to look
    asked += `got ${line}\n`
  }
  one.child.stdin?.write('end\n')
  expect(await one.end(), one.errors).toBe(7)
  expect(one, 'and not what it printed before').toMatchObject({ output: asked, errors: '' })
  expect(await looker.end(), looker.errors).toBe(7)
  expect(await listed('attach-e')).toBeUndefined()
})

test('two at once see the same, either may write, and one may go', async () => {
  const [one, other] = [new Attached('attach', 'attach-a'), new Attached('attach', 'attach-a')]
  await Promise.all([one.asks('1'), other.asks('2')])
  await one.asks('3')
  await other.sees('got 3\n')
  one.child.kill('SIGKILL')
  await one.end()
  await other.asks('4')
  other.child.kill('SIGKILL')
  await other.end()
})

test('nothing is lost of much, whoever looks on: two attached, logs --follow, and start --attach', async () => {
  await run('attach-c', ANSWERS.replace('exit 7', `echo begin; ${MUCH}`), '-i')
  const lookers = [1, 2].map(() => new Attached('attach', 'attach-c'))
  const follower = new Attached('logs', '--follow', 'attach-c')
  await Promise.all([...lookers.map((one, i) => one.asks(`${i}`)), follower.sees('got 0\n')])
  lookers[0]?.child.stdin?.write('end\n')
  for (const one of [...lookers, follower]) {
    expect(await one.end(), one.errors).toBe(0)
    expect(one.output.split('begin\n')[1] === ALL, `${one.output.length} bytes`).toBe(true)
  }
  await create('attach-d', `${MUCH}; exit 3`)
  const begun = new Attached('start', '-ai', 'attach-d')
  expect(await begun.end(), begun.errors).toBe(3)
  expect(begun.output === ALL, `${begun.output.length} bytes`).toBe(true)
})

test('nothing is lost where who reads it takes his time: attach, start --attach', async () => {
  const script = `read -r x; ${MUCH}; exit 4`
  for (const [name, verb] of [
    ['attach-m', 'attach'],
    ['attach-n', 'start'],
  ] as const) {
    await (verb === 'attach' ? run : create)(name, script, '-i')
    const child = start(verb, ...(verb === 'start' ? ['-ai'] : []), name)
    child.stdin?.write('\n')
    await ended(name) // what it has printed by then is more than a pipe holds
    const { code, stdout } = await result(child)
    expect({ code, whole: stdout === ALL }, `${verb}: ${stdout.length} bytes`).toEqual({ code: 4, whole: true })
  }
})

test('SIGTERM is passed on; a first SIGINT is for the container, a second one for you', async () => {
  const one = new Attached('attach', 'attach-a')
  await one.asks('1')
  one.child.kill('SIGTERM')
  await one.sees('term\n')
  await one.asks('2')
  one.child.kill('SIGINT')
  await one.sees('int\n')
  one.child.kill('SIGINT')
  expect(await one.end()).toBe(0)
  expect(one.output).toBe('got 1\nterm\ngot 2\nint\n')
  expect(one.errors).toMatch(DETACHED)
})

test('who has seen enough, such as head(1), detaches', async () => {
  const one = new Attached('attach', 'attach-a')
  await one.asks('1')
  one.child.stdout?.destroy()
  one.child.stdin?.write('2\n')
  expect(await one.end()).toBe(0)
  expect(one.errors).toMatch(DETACHED)
  expect(await listed('attach-a')).toMatchObject({ status: 'running' })
})

test('in a terminal: Ctrl-C and Ctrl-P are for what runs in there, Ctrl-P Ctrl-Q leaves it, and it is there again; attach keeps open your terminal alone', async () => {
  await shell('attach-i')
  using terminal = inTerminal('attach-i')
  await terminal.type('stty -echo; echo $((40 + 2))\n', /^42\r\n# $/m)
  await terminal.type(`sh -c 'echo up; exec sleep 60'\n`, /^up\r\n$/m)
  await terminal.type(CTRL_C, /# $/)
  await terminal.type('echo $?\n', /^130\r\n# $/m)
  await terminal.type('read -r x; printf "%s" "$x" | wc -c\n\x10p\n', /^2\r\n# $/m)
  expect(await terminal.end(DETACH), terminal.output).toBe(0)
  expect(terminal.output).toMatch(DETACHED)
  expect(await listed('attach-i')).toMatchObject({ status: 'running' })

  using again = inTerminal('attach-i', 'echo "pid $$."')
  await again.type('echo $((40 + 3))\n', /43\r\n# $/)
  // Not that of the container, whose log would not come to its end.
  const folder = `/proc/${again.output.match(/pid (\d+)\./)?.[1]}/fd`
  const file = (fd: string) => statSync(`${folder}/${fd}`)
  const terminals = readdirSync(folder).filter((fd) => file(fd).isCharacterDevice() && file(fd).rdev >> 8 === PTS)
  expect(terminals).toEqual(expect.arrayContaining(['0', '1', '2']))
  for (const fd of terminals) expect([file(fd).dev, file(fd).ino], fd).toEqual([file('0').dev, file('0').ino])
  expect(await again.end('exit 9\n'), again.output).toBe(9)
})

test('its terminal has the size of yours, at once and when yours changes', async () => {
  using terminal = inTerminal('attach-b', 'stty rows 33 cols 99; echo "is $(tty)"')
  await terminal.type('stty size; echo "=$?"\n', /33 99\r\n=0/)
  const tty = terminal.output.match(/^is (\/dev\/pts\/\d+)\r$/m)?.[1] ?? ''
  await terminal.type('trap "stty size" WINCH; echo "=$?"\n', /=0\r\n/)
  const seen = terminal.output.length
  expect(spawnSync('stty', ['-F', tty, 'rows', '44', 'cols', '111']).status).toBe(0)
  // A shell runs a trap when it has read a line, and the line may be there before the signal.
  for (let lines = 0; lines < 1000 && !terminal.output.includes('44 111\r\n', seen); lines++) {
    await terminal.type('\n', /# $/)
  }
  expect(terminal.output.slice(seen)).toMatch(/^44 111\r$/m)
  await terminal.type('trap - WINCH; echo "=$?"\n', /=0\r\n/)
  await terminal.end(DETACH)
})

test('your terminal closed: the container goes on, and nobody stays attached', async () => {
  const terminal = inTerminal('attach-b', 'echo "pid $$."')
  await terminal.type('trap "echo hup" HUP; echo $((40 + 2))\n', /42\r\n/)
  const pid = Number(terminal.output.match(/pid (\d+)\./)?.[1])
  terminal[Symbol.dispose]()
  await gone(pid)
  expect(await listed('attach-b')).toMatchObject({ status: 'running' })
  using again = inTerminal('attach-b')
  await again.type('echo $((40 + 3))\n', /43\r\n/)
  expect(again.output).not.toMatch(/^hup/m)
  await again.type('trap - HUP; echo "=$?"\n', /=0\r\n/)
  await again.end(DETACH)
})
