import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { project } from '../lib/lessons.ts'

/*
 * The VM itself: made, broken, brought back, removed. It takes Vagrant, QEMU and minutes, so it is no part of npm test:
 *
 *     npx vitest run --project machine
 *
 * Its machine is one of its own, beside yours: Vagrant keeps what it knows of it in another folder.
 */

const dotfiles = mkdtempSync(join(tmpdir(), 'workshop-machine-'))
const env = { ...process.env, VAGRANT_DOTFILE_PATH: dotfiles, VAGRANT_DEFAULT_PROVIDER: 'workshop_qemu', NO_COLOR: '1' }
const files = join(dotfiles, 'machines/default/workshop_qemu')
const read = (name: string) => readFileSync(join(files, name), 'utf8').trim()

async function run(program: string, args: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code] = await once(child, 'close')
  return { code, output }
}
const vm = (...args: string[]) => run(process.execPath, ['--no-warnings', '--import', 'tsx', 'scripts/vm.ts', ...args])
const vagrant = (...args: string[]) => run('vagrant', args)
const inside = async (command: string) => (await vm('ssh', command)).output.trim()

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 120_000; !condition(); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
  }
}

/** The processes whose command line names a file of this machine. */
function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(files)
      } catch {
        return false // it has ended
      }
    })
    .map(Number)
}

beforeAll(async () => {
  const { code, output } = await vm('up')
  expect(code, output).toBe(0)
}, 600_000)

afterAll(async () => {
  await vm('destroy')
  rmSync(dotfiles, { recursive: true, force: true })
}, 120_000)

test('it is a machine: another kernel, all controllers, the project, and exit codes that come through', async () => {
  expect(await inside('uname -r')).not.toBe(release())
  const controllers = (await inside('cat /sys/fs/cgroup/cgroup.controllers')).split(' ')
  expect(controllers).toEqual(expect.arrayContaining(['cpu', 'memory', 'pids', 'io', 'cpuset']))
  expect(await inside('id -un; pwd; ls package.json; sudo -n id -u')).toBe('vagrant\n/vagrant\npackage.json\n0')
  expect((await vm('ssh', 'exit 7')).code).toBe(7)
})

test('it reaches nothing outside, and ssh listens on 127.0.0.1 alone', async () => {
  let visits = 0
  const listener = createServer((socket) => {
    visits++
    socket.destroy()
  }).listen(0, '0.0.0.0')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  try {
    // QEMU's user network would hand 10.0.2.2 on to this machine's loopback.
    const said = await inside(`nc -w 3 -z 10.0.2.2 ${port} && echo reached || echo not reached`)
    expect({ said, visits }).toEqual({ said: 'not reached', visits: 0 })
    connect(port, '127.0.0.1').on('error', () => {})
    await until(() => visits === 1, 'the listener sees whoever comes')
  } finally {
    listener.close()
  }
  // Local address and state of each TCP socket; 0A is LISTEN: proc(5).
  const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)
  const ssh = Number(read('port')).toString(16).toUpperCase().padStart(4, '0')
  const listening = sockets
    .map((line) => line.trim().split(/\s+/))
    .filter((f) => f[1]?.endsWith(`:${ssh}`) && f[3] === '0A')
  expect(listening.map((fields) => fields[1])).toEqual([`0100007F:${ssh}`])
})

test('a wrecked machine is back, as it was when new', async () => {
  await inside('sudo rm -rf /usr/bin /etc/ssh; echo wrecked')
  expect((await vm('ssh', 'true')).code).not.toBe(0)
  const { code, output } = await vm('reset')
  expect(code, output).toBe(0)
  expect(await inside('ls /usr/bin/env /etc/ssh/sshd_config')).toBe('/etc/ssh/sshd_config\n/usr/bin/env')
})

test('suspend keeps what runs, and resume brings it back, with the right time', async () => {
  await inside('sudo systemd-run --quiet --unit witness sleep 1000')
  expect((await vm('suspend')).code).toBe(0)
  expect(processes()).toEqual([])
  expect((await vm('status')).output).toMatch(/default +saved/)
  expect((await vm('resume')).code).toBe(0)
  expect(await inside('systemctl is-active witness')).toBe('active')
  const before = Date.now() / 1000
  const there = Number(await inside('date +%s'))
  expect(there, 'its clock').toBeGreaterThan(before - 30)
  expect(there, 'its clock').toBeLessThan(Date.now() / 1000 + 5)
})

test('a killed QEMU, and a stale pid that is another by now: up boots it again', async () => {
  const [qemu = 0] = processes()
  process.kill(qemu, 'SIGKILL')
  await until(() => processes().length === 0, 'QEMU has ended')
  writeFileSync(join(files, 'pid'), String(process.pid))
  expect((await vm('status')).output).toMatch(/default +poweroff/)
  const { code, output } = await vm('up')
  expect(code, output).toBe(0)
  expect(await inside('echo well')).toBe('well')
})

test('vagrant up, killed in the middle, and run again: it comes up', async () => {
  expect((await vm('destroy')).code).toBe(0)
  const first = spawn('vagrant', ['up', 'default'], { cwd: project, env, stdio: 'ignore', detached: true })
  await until(() => existsSync(join(files, 'pid')) && processes().length > 0, 'QEMU runs')
  process.kill(-(first.pid ?? 0), 'SIGKILL')
  const { code, output } = await vagrant('up')
  expect(code, output).toBe(0)
  expect(await inside('echo well')).toBe('well')
})

test('halt shuts it down, destroy leaves no process, no port, no file', async () => {
  expect((await vm('halt')).code).toBe(0)
  expect((await vm('status')).output).toMatch(/default +poweroff/)
  expect((await vm('up')).code).toBe(0)
  const port = Number(read('port'))
  expect((await vm('destroy')).code).toBe(0)
  expect(processes()).toEqual([])
  const [error] = await once(connect(port, '127.0.0.1'), 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  expect(readdirSync(files)).toEqual([])
  expect((await vm('ssh', 'true')).output).toContain('the machine is not running: npm run vm -- up')
})
