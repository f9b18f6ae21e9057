import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { NETWORK } from '#given/net/network.ts'
import { status } from '#given/proc.ts'
import { smallRoot } from '#given/rootfs.ts'
import type { Entry } from '#given/running.ts'
import { spec } from '#given/spec.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { boxCommand } from '../lib/box-command.ts'
import { type Box, boxNamed, entryOf } from '../lib/boxes.ts'
import { listBoxes } from '../lib/listed.ts'
import { freezeOne } from '../lib/pause.ts'
import { said, until } from './boxes.ts'
import {
  box,
  create,
  ended,
  forAll,
  inFolder,
  inspect,
  list,
  listed,
  ok,
  ownStore,
  printed,
  run,
  start,
} from './keeping.ts'
import { type Refused, refusals } from './refusals.ts'
import { Terminal } from './terminals.ts'

// The verbs of box around containers that are kept, as somebody would type them.

ownStore()

const SLEEP = 'echo ready; exec sleep 600'
// Works on until it is killed, and runs its traps at once.
const WORK = 'echo ready; sleep 600 & while :; do wait $!; done'
const ESCAPES = '\u001b]0;mine\u0007\u001b[2J'

// Three for all tests that only look: one runs and has the longest name, one has ended, one was never started.
const RUNS = `verbs-a-${'x'.repeat(55)}`
const ENDED = 'verbs-d'
const NEVER = 'verbs-e'
beforeAll(async () => {
  const inner = `: "${ESCAPES}"; sleep 601; :`
  const script = `: "${ESCAPES}"; sh -c '${inner}' & ${SLEEP}`
  await forAll(RUNS, run(RUNS, script, '--cap-drop', 'ALL', '--cap-add', 'CHOWN'))
  smallRoot(inFolder('root'), ['sh'])
  await openStore(inFolder('store')).import(inFolder('root'), { reference: 'base' })
  const prints = 'echo x > /srv/x; echo one; echo two >&2; echo three; printf four; exit 3'
  await forAll(ENDED, ok('run', '-d', '--reference', '--name', ENDED, 'base', '--', 'sh', '-c', prints))
  await forAll(NEVER, create(NEVER, 'true'))
  await ended(ENDED)
})

describe('ps', () => {
  test('shows those that run, in the foreground as well; with --all those that do not, too', async () => {
    const child = start('run', '--reference', '--name', 'verbs-c', '--', 'sh', '-c', 'echo ready; read -r line')
    await said(child, 'ready')
    const lines = [['ps'], ['ps', '-a'], ['ps', '-q'], ['ps', '-a', '--json'], ['logs', 'verbs-c'], ['wait', 'verbs-c']]
    const answer = refusals(lines.map(([verb = '', ...args]) => ({ verb, args }))) // and what only looks
    const names = ({ stdout }: Refused) => stdout.match(/^verbs-\w+/gm)?.sort()
    expect(names(await answer(0))).toEqual(['verbs-a', 'verbs-c'])
    expect(names(await answer(1))).toEqual(['verbs-a', 'verbs-c', ENDED, NEVER])
    expect((await answer(2)).stdout).toContain((await listed(RUNS))?.id)
    const json: unknown[] = JSON.parse((await answer(3)).stdout)
    expect(json).toContainEqual(expect.objectContaining({ name: 'verbs-c', status: 'running', foreground: true }))
    expect(json).toContainEqual({ ...(await listed(ENDED)), image: 'base' })
    expect(await answer(4)).toMatchObject({ code: 125, stderr: expect.stringContaining('on its terminal') })
    expect(await answer(5)).toMatchObject({ code: 125 })
    child.stdin?.end('end\n')
    await new Promise((resolve) => child.once('close', resolve))
    expect(await listed('verbs-c')).toBeUndefined()
  })

  test('says what state each is in, in 80 columns, in no colours where none are wanted; a name cannot reach your terminal', async () => {
    const lines = (await ok('ps', '-a')).trimEnd().split('\n')
    for (const line of lines) expect(stripVTControlCharacters(line).length, line).toBeLessThanOrEqual(80)
    const text = lines.join('\n')
    expect(text).toMatch(/Up \d+ (second|minute)/)
    expect(text).toMatch(/^verbs-d .* Exited \(3\) \d+ (second|minute)s? ago$/m)
    expect(text).toMatch(/^verbs-e .* Created$/m)
    expect(text, 'to a pipe').toBe(stripVTControlCharacters(text))
    expect(text, 'of what is in its command').not.toContain('\u001b')
  })

  test('one that was killed beside one with a port fits as well', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    const ports = [{ host: 18080, container: 8080, protocol: 'tcp' as const }]
    const at = (name: string, state: Partial<Box['state']>): Box => {
      const full = spec({
        rootfs: '/',
        mechanisms: [],
        argv: ['sh', '-c', 'sleep 600'],
        name,
        network: { ...NETWORK, ports },
      })
      const since = Date.now() - 12 * 60_000
      return { id: '0c11d399e0a3', name, spec: full, created: since, state: { status: 'running', since, ...state } }
    }
    const entry = {} as Entry // of one that runs, nothing else is asked here
    const boxes = [at('exited-one', { status: 'exited', exitCode: 137 }), at('listens-here', { entry })]
    listBoxes(boxes, () => 'debian:bookworm')
    const lines = log.mock.calls.map(([line]) => stripVTControlCharacters(line))
    log.mockRestore()
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
    expect(lines[0]).toBe('NAME      ID            IMAGE   COMMAND  STATUS                       PORTS')
    expect(lines[1]).toMatch(/^exited-… {2}0c11d399e0a3 .* Exited \(137\) 12 minutes ago$/)
    expect(lines[2]).toMatch(/^listens… {2}.* Up 12 minutes {2,}18080->80…$/)
  })
})

test('stats of one with the longest name, which is paused, fit in 80 columns', async () => {
  const lines = [['pause'], ['stats', '--no-stream'], ['unpause']]
  const answer = refusals(lines.map(([verb = '', ...options]) => ({ verb, args: [...options, RUNS] })))
  expect(await answer(2)).toEqual({ code: 0, stdout: `${RUNS}\n`, stderr: '' })
  const [heading, line = ''] = (await answer(1)).stdout.split('\n').map(stripVTControlCharacters)
  expect(heading).toMatch(/^NAME .*CPU {3}MEMORY .*WAITED$/)
  expect(line).toMatch(/^verbs-a-x+… .* \/ no limit .*paused$/)
  expect(line.length, line).toBeLessThanOrEqual(80)
})

describe('logs', () => {
  test('all, or the last lines', async () => {
    const wishes = [[], ['-n', '2'], ['-n', '0'], ['-n', '99']]
    const answer = refusals(wishes.map((options) => ({ verb: 'logs', args: [...options, ENDED] })))
    const said = await Promise.all(wishes.map(async (_, nth) => (await answer(nth)).stdout))
    expect(said).toEqual(['one\ntwo\nthree\nfour', 'three\nfour', '', 'one\ntwo\nthree\nfour'])
  })

  test('of one that was never started there are none', async () => {
    expect(await ok('logs', '-f', NEVER)).toBe('')
  })
})

describe('stop, kill, wait, rm', () => {
  test('kill -s by any name of a signal; stop asks first, and a paused one goes on for it; logs -f follows until the end', async () => {
    const traps =
      'trap "echo got 1" HUP; trap "echo got 10" USR1; trap "echo got 12" USR2; trap "echo asked; exit 5" TERM'
    await run('verbs-k', `${traps}; ${WORK}`)
    await printed('verbs-k', 'ready')
    const follower = start('logs', '-f', 'verbs-k')
    const closed = once(follower, 'close')
    let seen = ''
    follower.stdout?.setEncoding('utf8').on('data', (text: string) => {
      seen += text
    })
    const kills = ['SIGUSR1', 'usr2', '1'].map((name) => ({ verb: 'kill', args: ['-s', name, 'verbs-k'] }))
    const killed = refusals(kills)
    for (const nth of kills.keys()) expect(await killed(nth)).toEqual({ code: 0, stdout: 'verbs-k\n', stderr: '' })
    const lines = () => seen.trimEnd().split('\n')
    await until(() => lines().length === 4, 'logs -f shows what the three make it print')
    expect(lines().slice(1).sort()).toEqual(['got 1', 'got 10', 'got 12'])
    const { log } = await inspect('verbs-k')
    await freezeOne(entryOf(await boxNamed('verbs-k')), true)
    expect(await listed('verbs-k')).toMatchObject({ status: 'paused' })
    expect(await ok('stop', '-t', '600', 'verbs-k')).toBe('verbs-k\n')
    expect(await closed).toEqual([0, null])
    expect(lines().at(-1)).toBe('asked')
    expect(seen).toBe(readFileSync(log, 'utf8'))
    expect(await listed('verbs-k')).toMatchObject({ status: 'exited', exitCode: 5 })
    const again = refusals([{ verb: 'stop', args: ['verbs-k'] }])
    expect(await again(0), 'a second time there is nothing to do').toMatchObject({ code: 0, stdout: 'verbs-k\n' })
  })

  test('stop kills a pid 1 that is not to be asked', async () => {
    await run('verbs-l', `trap '' TERM; ${SLEEP}`)
    await printed('verbs-l', 'ready')
    expect(await ok('stop', '-t', '0', 'verbs-l')).toBe('verbs-l\n')
    expect(await listed('verbs-l')).toMatchObject({ status: 'exited', exitCode: 137 })
    expect(await inspect('verbs-l')).toMatchObject({ kernel: null, state: { pid: null } })
  })

  test('kill is SIGKILL, and returns when it has ended; two wait at once for the same, one for several', async () => {
    await run('verbs-o', SLEEP)
    const { pid } = (await inspect('verbs-o')).state
    const waiting = Promise.all([ok('wait', 'verbs-o', ENDED), ok('wait', 'verbs-o')])
    expect(await ok('kill', 'verbs-o')).toBe('verbs-o\n')
    expect(() => status(pid, 'State')).toThrow(/ENOENT|ESRCH/)
    expect(await waiting).toEqual(['137\n3\n', '137\n'])
  })

  test('rm refuses one that runs, unless it is to be killed; one that fails keeps no other', async () => {
    await run('verbs-r', SLEEP)
    await create('verbs-s', 'true')
    const follower = start('logs', '-f', 'verbs-r')
    await said(follower, 'ready')
    const lines = [
      ['rm', 'verbs-r', 'verbs-s'],
      ['pause', 'verbs-r'],
      ['rm', 'verbs-r'],
      ['rm', '-f', 'verbs-r'],
    ]
    const answer = refusals(lines.map(([verb = '', ...args]) => ({ verb, args })))
    const { code, stdout, stderr } = await answer(0)
    expect({ code, stdout }).toEqual({ code: 125, stdout: 'verbs-s\n' })
    expect(stderr).toBe("box: 'verbs-r' runs: npm run box -- stop verbs-r first, or rm -f verbs-r\n")
    expect((await answer(2)).stderr).toContain("'verbs-r' is paused")
    expect(await answer(3)).toEqual({ code: 0, stdout: 'verbs-r\n', stderr: '' })
    expect((await list()).filter(({ name }) => /^verbs-[rs]$/.test(name))).toEqual([])
    await until(() => follower.exitCode === 0, 'logs -f ends with the container')
  })
})

test('start -a shows what it prints, and its exit code is the container’s', async () => {
  await run('verbs-t', 'echo once; exit 6')
  await ended('verbs-t')
  expect(await box('start', '-a', 'verbs-t'), 'and nothing of the time before').toEqual({
    code: 6,
    stdout: 'once\n',
    stderr: '',
  })
  await create('verbs-u', 'echo once; exit 6', '--rm')
  expect(await box('start', '-a', 'verbs-u'), 'the first time, and with --rm').toEqual({
    code: 6,
    stdout: 'once\n',
    stderr: '',
  })
})

describe('what is inside', () => {
  test('top: the numbers of both sides, and who came by exec', async () => {
    const { pid } = (await inspect(RUNS)).state
    const exec = start('exec', '--reference', RUNS, '--', 'sh', '-c', 'echo ready; exec sleep 602')
    await said(exec, 'ready')
    const [heading, ...rows] = (await ok('top', RUNS)).trimEnd().split('\n')
    expect(heading?.split(/ +/)).toEqual(['PID', 'INSIDE', 'USER', 'STATE', 'CPU', 'COMMAND'])
    const processes = rows.map((row) => row.split(/ {2,}/))
    const first = [String(pid), '1', '0', 'sleeping', expect.stringMatching(/^\d+:\d\d$/), 'sleep 600']
    expect(processes, 'not always the first: numbers begin anew').toContainEqual(first)
    expect(processes.map((row) => row.at(-1)).sort(), 'and a name cannot reach your terminal').toEqual([
      'sh -c : " ]0;mine [2J"; sleep 601; :',
      'sleep 600',
      'sleep 601',
      'sleep 602',
    ])
    for (const [host = '', inside = ''] of processes)
      expect(status(Number(host), 'NSpid')?.split(/\s+/).at(-1)).toBe(inside)
    const own = processes.find((row) => row.at(-1) === 'sleep 602')
    process.kill(Number(own?.[0]), 'SIGKILL')
    await until(() => exec.exitCode === 137, 'exec ends')
  })

  test('inspect: what was asked for, and what the kernel says', async () => {
    const [one] = JSON.parse(await ok('inspect', RUNS))
    const { id, pid } = (await listed(RUNS)) ?? {}
    expect(one).toMatchObject({ id, state: { status: 'running', exitCode: null, pid } })
    expect(one.kernel.capabilities.effective).toEqual(['CHOWN'])
    expect(Object.values<string>(one.kernel.cgroups).some((path) => path.endsWith(`/workshop-${id}`))).toBe(true)
    expect(one.kernel.namespaces.pid).toMatch(/^pid:\[\d+\]$/)
  })

  test('commit and diff of one that has ended', async () => {
    expect(await ok('diff', ENDED)).toBe('C /srv\nA /srv/x\n')
    expect(await ok('commit', ENDED, 'changed')).toMatch(/^changed:latest/)
    const store = openStore(inFolder('store'))
    const layers = store.lower(store.find('changed'))
    expect(layers).toHaveLength(2)
    expect(readFileSync(join(layers.at(-1) ?? '', 'srv/x'), 'utf8')).toBe('x\n')
  })
})

describe('--help, and bad input: what, why, what to do', () => {
  const table: [argv: string[], code: number, message: RegExp][] = [
    [['ps', 'more'], 2, /'more' is too much/],
    [['logs'], 2, /which one\? npm run box -- ps --all/],
    [['logs', 'nope'], 125, /there is no container 'nope'/],
    [['logs', '-n', '-1', 'x'], 2, /ambiguous|--tail/],
    [['logs', '-n', 'x', 'y'], 2, /--tail x: it wants a whole number/],
    [['stop'], 2, /which one\?/],
    [['stop', '-t', 'soon', 'x'], 2, /--time soon: it wants a whole number/],
    [['kill', '-s', 'TREM', 'x'], 2, /'TREM' is no signal. Did you mean term\?/],
    [['kill', '-s', '0', 'x'], 2, /'0' is no signal: they are 1 to 64/],
    [['wait', ''], 125, /there is no container ''/],
    [['kill', ENDED], 125, /'verbs-d' does not run/],
    [['rm', '--forc', 'x'], 2, /Did you mean --force\?/],
    [['start', '-i', 'x'], 2, /-i is for -a/],
    [['run', '--network', 'none', 'true'], 2, /'--network'. Did you mean --net\?/],
    [['start', '../..'], 125, /there is no container '\.\.\/\.\.'/],
    [['inspect', 'x'.repeat(4096)], 125, /there is no container 'x{64}'/],
    [['top', 'a', 'b'], 2, /'b' is too much/],
  ]
  const verbs = 'run ps logs stop kill start wait rm inspect top port cp'.split(' ')
  const lines = [...table.map(([argv]) => argv), ...verbs.map((verb) => [verb, '--help'])]
  const refusal = refusals(lines.map(([verb = '', ...args]) => ({ verb, args })))

  test.each(table.map((row, nth) => [nth, ...row] as const))('%i %j', async (nth, _, code, message) => {
    const { stderr, stdout, code: ended } = await refusal(nth)
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect({ ended, stdout }).toEqual({ ended: code, stdout: '' })
  })

  test.each(verbs)('%s --help', async (verb) => {
    const { stdout, code } = await refusal(table.length + verbs.indexOf(verb))
    expect(stdout).toContain(`Usage: npm run box -- ${verb} `)
    expect(code).toBe(0)
  })

  test('it fits in a terminal of 80 columns, and is as it was written where it goes to a file', async () => {
    using terminal = new Terminal(['sh', '-c', `stty cols 80; exec ${boxCommand().join(' ')} run --help`])
    expect(await terminal.end()).toBe(0)
    const lines = terminal.output.split('\r\n')
    expect(lines).toContain('  -t, --tty                  a terminal of its own')
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
    const words = (text: string) => text.split(/\s+/).join(' ')
    const { stdout: written } = await refusal(table.length + verbs.indexOf('run'))
    expect(words(written)).toBe(words(terminal.output))
    expect(written).toContain('and the finished ones for the\nrest.')
  })

  test('a verb that there is not', async () => {
    expect(await box('sotp', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean stop?') })
  })
})
