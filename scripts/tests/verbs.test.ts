import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { NETWORK } from '#given/net/network.ts'
import { status } from '#given/proc.ts'
import type { Entry } from '#given/running.ts'
import { ROOTFS, spec } from '#given/spec.ts'
import type { Box } from '../lib/boxes.ts'
import { listBoxes } from '../lib/listed.ts'
import { result, said, until } from './boxes.ts'
import { box, create, inspect, list, listed, mine, ok, ownStore, printed, run, start } from './keeping.ts'
import { refusals } from './refusals.ts'
import { Terminal } from './terminals.ts'

// The verbs of box around containers that are kept, as somebody would type them.

ownStore()

const SLEEP = 'echo ready; exec sleep 600'

describe('ps', () => {
  test('shows those that run, in the foreground as well; with --all those that do not, too', async () => {
    const names = async (...options: string[]) => (await ok('ps', ...options)).match(/^verbs-\w+/gm)?.sort() ?? []
    await run('verbs-a', SLEEP)
    await create('verbs-b', 'true')
    const child = start('run', '--reference', '--name', 'verbs-c', '--', 'sh', '-c', 'echo ready; read -r line')
    await said(child, 'ready')
    expect(await names()).toEqual(['verbs-a', 'verbs-c'])
    expect(await names('-a')).toEqual(['verbs-a', 'verbs-b', 'verbs-c'])
    expect(await listed('verbs-c')).toMatchObject({ status: 'running', foreground: true })
    expect(await box('logs', 'verbs-c')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('on its terminal'),
    })
    expect(await box('wait', 'verbs-c')).toMatchObject({ code: 125 })
    expect(await ok('ps', '-q')).toContain((await listed('verbs-a'))?.id)
    child.stdin?.end('end\n')
    await new Promise((resolve) => child.once('close', resolve))
    expect(await names('-a')).toEqual(['verbs-a', 'verbs-b'])
  })

  test('says what state each is in, in 80 columns, and in no colours where none are wanted', async () => {
    await run('verbs-with-quite-a-long-name-to-show', `: ${'x'.repeat(200)}; ${SLEEP}`)
    await run('verbs-d', 'exit 3')
    await ok('wait', 'verbs-d')
    await create('verbs-e', 'true')
    const lines = (await ok('ps', '-a')).trimEnd().split('\n')
    for (const line of lines) expect(stripVTControlCharacters(line).length, line).toBeLessThanOrEqual(80)
    const text = lines.join('\n')
    expect(text).toMatch(/Up \d+ (second|minute)/)
    expect(text).toMatch(/^verbs-d .* Exited \(3\) \d+ (second|minute)s? ago$/m)
    expect(text).toMatch(/^verbs-e .* Created$/m)
    expect(text, 'to a pipe').toBe(stripVTControlCharacters(text))
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

  test('what a container is called cannot reach your terminal', async () => {
    await run('verbs-f', `: $'\\e]0;mine\\a'; : \u001b[2J; ${SLEEP}`)
    expect(await ok('ps')).not.toContain('\u001b')
    expect(await ok('top', 'verbs-f')).not.toContain('\u001b')
  })
})

test('stats of one with the longest name, which is paused, fit in 80 columns', async () => {
  const name = `verbs-${'x'.repeat(57)}`
  await run(name, SLEEP)
  await ok('pause', name)
  const [heading, line = ''] = (await ok('stats', '--no-stream', name)).split('\n').map(stripVTControlCharacters)
  expect(heading).toMatch(/^NAME .*CPU {3}MEMORY .*WAITED$/)
  expect(line).toMatch(/^verbs-x+… .* \/ no limit .*paused$/)
  expect(line.length, line).toBeLessThanOrEqual(80)
})

describe('logs', () => {
  test('all, or the last lines', async () => {
    await run('verbs-g', 'echo one; echo two >&2; echo three; printf four')
    await ok('wait', 'verbs-g')
    expect(await ok('logs', 'verbs-g')).toBe('one\ntwo\nthree\nfour')
    expect(await ok('logs', '-n', '2', 'verbs-g')).toBe('three\nfour')
    expect(await ok('logs', '-n', '0', 'verbs-g')).toBe('')
    expect(await ok('logs', '-n', '99', 'verbs-g')).toBe('one\ntwo\nthree\nfour')
  })

  test('of one that was never started there are none', async () => {
    await create('verbs-h', 'true')
    expect(await ok('logs', '-f', 'verbs-h')).toBe('')
  })

  test('-f follows until it has ended, also when it is removed meanwhile', async () => {
    await run('verbs-i', 'trap "echo two; exit" USR1; echo one; while :; do sleep 0.1; done')
    await printed('verbs-i', 'one')
    const followed = result(start('logs', '-f', 'verbs-i'))
    await ok('kill', '-s', 'USR1', 'verbs-i')
    expect(await followed).toEqual({ code: 0, stdout: 'one\ntwo\n', stderr: '' })

    await run('verbs-j', SLEEP)
    const other = start('logs', '-f', 'verbs-j')
    await said(other, 'ready')
    await ok('rm', '-f', 'verbs-j')
    await until(() => other.exitCode === 0, 'logs -f ends with the container')
  })
})

describe('stop, kill, wait, rm', () => {
  test('stop asks first, and a paused one goes on for it', async () => {
    await run('verbs-k', 'trap "echo asked; exit 5" TERM; echo ready; while :; do sleep 0.1; done')
    await printed('verbs-k', 'ready')
    await ok('pause', 'verbs-k')
    expect(await listed('verbs-k')).toMatchObject({ status: 'paused' })
    expect(await ok('stop', '-t', '600', 'verbs-k')).toBe('verbs-k\n')
    expect(await ok('logs', 'verbs-k')).toBe('ready\nasked\n')
    expect(await listed('verbs-k')).toMatchObject({ status: 'exited', exitCode: 5 })
    expect(await ok('stop', 'verbs-k'), 'a second time there is nothing to do').toBe('verbs-k\n')
  })

  test('stop kills a pid 1 that is not to be asked', async () => {
    await run('verbs-l', `trap '' TERM; ${SLEEP}`)
    await printed('verbs-l', 'ready')
    expect(await ok('stop', '-t', '0', 'verbs-l')).toBe('verbs-l\n')
    expect(await listed('verbs-l')).toMatchObject({ status: 'exited', exitCode: 137 })
  })

  test.each(['SIGUSR1', 'usr1', '10'])('kill -s %s', async (name) => {
    await run('verbs-n', 'trap "echo got" USR1; echo ready; while :; do sleep 0.1; done')
    await printed('verbs-n', 'ready')
    await ok('kill', '-s', name, 'verbs-n')
    await printed('verbs-n', 'got')
  })

  test('kill is SIGKILL, and returns when it has ended', async () => {
    await run('verbs-o', SLEEP)
    const { pid } = (await inspect('verbs-o')).state
    expect(await ok('kill', 'verbs-o')).toBe('verbs-o\n')
    expect(() => status(pid, 'State')).toThrow(/ENOENT|ESRCH/)
    expect(await box('kill', 'verbs-o')).toMatchObject({ code: 125, stderr: expect.stringMatching(/does not run/) })
  })

  test('two wait at once for the same, one for several', async () => {
    await run('verbs-p', 'sleep 1; exit 3')
    await run('verbs-q', 'exit 4')
    const codes = await Promise.all([ok('wait', 'verbs-p', 'verbs-q'), ok('wait', 'verbs-p')])
    expect(codes).toEqual(['3\n4\n', '3\n'])
  })

  test('rm refuses one that runs, unless it is to be killed; one that fails keeps no other', async () => {
    await run('verbs-r', SLEEP)
    await create('verbs-s', 'true')
    const { code, stdout, stderr } = await box('rm', 'verbs-r', 'verbs-s')
    expect({ code, stdout }).toEqual({ code: 125, stdout: 'verbs-s\n' })
    expect(stderr).toBe("box: 'verbs-r' runs: npm run box -- stop verbs-r first, or rm -f verbs-r\n")
    await ok('pause', 'verbs-r')
    expect((await box('rm', 'verbs-r')).stderr).toContain("'verbs-r' is paused")
    expect(await ok('rm', '-f', 'verbs-r')).toBe('verbs-r\n')
    expect((await list()).filter(({ name }) => /^verbs-[rs]$/.test(name))).toEqual([])
  })
})

test('start -a shows what it prints, and its exit code is the container’s', async () => {
  await create('verbs-t', 'echo once; exit 6')
  expect(await box('start', '-a', 'verbs-t')).toEqual({ code: 6, stdout: 'once\n', stderr: '' })
  expect(await box('start', '-a', 'verbs-t'), 'and nothing of the time before').toMatchObject({
    code: 6,
    stdout: 'once\n',
  })
  await create('verbs-u', 'echo once; exit 6', '--rm')
  expect(await box('start', '-a', 'verbs-u')).toEqual({ code: 6, stdout: 'once\n', stderr: '' })
})

describe('what is inside', () => {
  test('top: the numbers of both sides, and who came by exec', async () => {
    await run('verbs-v', `sleep 601 & ${SLEEP}`)
    const { pid } = (await inspect('verbs-v')).state
    const exec = start('exec', '--reference', 'verbs-v', '--', 'sh', '-c', 'echo ready; exec sleep 602')
    await said(exec, 'ready')
    const [heading, ...rows] = (await ok('top', 'verbs-v')).trimEnd().split('\n')
    expect(heading?.split(/ +/)).toEqual(['PID', 'INSIDE', 'USER', 'STATE', 'CPU', 'COMMAND'])
    const processes = rows.map((row) => row.split(/ {2,}/))
    expect(processes[0]).toEqual([String(pid), '1', '0', 'sleeping', '0:00', 'sleep 600'])
    expect(processes.map((row) => row.at(-1)).sort()).toEqual(['sleep 600', 'sleep 601', 'sleep 602'])
    for (const [host = '', inside = ''] of processes)
      expect(status(Number(host), 'NSpid')?.split(/\s+/).at(-1)).toBe(inside)
    await ok('rm', '-f', 'verbs-v')
    await until(() => exec.exitCode !== null, 'exec ends with the container')
  })

  test('inspect: what was asked for, and what the kernel says', async () => {
    const id = await run('verbs-w', SLEEP, '--cap-drop', 'ALL', '--cap-add', 'CHOWN')
    const one = await inspect('verbs-w')
    expect(one).toMatchObject({ id, state: { status: 'running', exitCode: null } })
    expect(one.kernel?.capabilities.effective).toEqual(['CHOWN'])
    expect(Object.values(one.kernel?.cgroups ?? {}).some((path) => path.endsWith(`/workshop-${id}`))).toBe(true)
    expect(one.kernel?.namespaces.pid).toMatch(/^pid:\[\d+\]$/)
    await ok('stop', '-t', '0', 'verbs-w')
    expect(await inspect('verbs-w')).toMatchObject({ kernel: null, state: { status: 'exited', pid: null } })
  })

  test('commit and diff of one that has ended', async () => {
    await ok('import', ROOTFS, 'base')
    mine('verbs-x')
    expect(
      await box('run', '-d', '--reference', '--name', 'verbs-x', 'base', '--', 'sh', '-c', 'echo x > /srv/x'),
    ).toMatchObject({ code: 0 })
    await ok('wait', 'verbs-x')
    expect(await ok('diff', 'verbs-x')).toBe('C /srv\nA /srv/x\n')
    expect(await ok('commit', 'verbs-x', 'changed')).toMatch(/^changed:latest/)
    expect(await ok('run', '--reference', 'changed', '--', 'cat', '/srv/x')).toBe('x\n')
    await ok('rm', 'verbs-x')
  })
})

test('--help fits in a terminal of 80 columns, and is as it was written where it goes to a file', async () => {
  using terminal = new Terminal(['sh', '-c', `stty cols 80; exec ${process.execPath} scripts/box.ts run --help`])
  expect(await terminal.end()).toBe(0)
  const lines = terminal.output.split('\r\n')
  expect(lines).toContain('  -t, --tty                  a terminal of its own')
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
  const words = (text: string) => text.split(/\s+/).join(' ')
  const written = await ok('run', '--help')
  expect(words(written)).toBe(words(terminal.output))
  expect(written).toContain('and the finished ones for the\nrest.')
})

describe('bad input: what, why, what to do', () => {
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
    [['rm', '--forc', 'x'], 2, /Did you mean --force\?/],
    [['start', '-i', 'x'], 2, /-i is for -a/],
    [['run', '--network', 'none', 'true'], 2, /'--network'. Did you mean --net\?/],
    [['start', '../..'], 125, /there is no container '\.\.\/\.\.'/],
    [['inspect', 'x'.repeat(4096)], 125, /there is no container 'x{64}'/],
    [['top', 'a', 'b'], 2, /'b' is too much/],
  ]
  const verbs = 'ps logs stop kill start wait rm inspect top port cp'.split(' ')
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

  test('a verb that there is not', async () => {
    expect(await box('sotp', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean stop?') })
  })
})
