import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { PRIVILEGES } from '#given/capabilities/privileges.ts'
import { seconds } from '#given/patience.ts'
import { namespaces } from '#given/proc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { running } from '#given/running.ts'
import { project } from '#given/spec.ts'
import { applied, type Change, changeBetween } from '../observe/change.ts'
import { Collector } from '../observe/collector.ts'
import { namesIn } from '../observe/draw/details.ts'
import { picture } from '../observe/draw/picture.ts'
import { allRooms, type Room, sceneOf } from '../observe/draw/scene.ts'
import { KINDS, type Model, type Process } from '../observe/model.ts'
import { pack, unpack } from '../observe/pack.ts'
import { documentOf } from '../observe/page/document.ts'
import { withPicture } from '../observe/page/picture.ts'
import { isLocal } from '../observe/server.ts'
import { result, said, start, until } from './boxes.ts'

const SECOND = seconds(1) // within which a change is to be seen

const started: ChildProcess[] = []

beforeAll(() => void ensureRootfs())

afterEach(async () => {
  for (const child of started.splice(0)) await end(child)
})

/** A container that reads until there is no more: so it ends by itself, and its engine cleans up. */
async function container(name: string, ...options: string[]): Promise<ChildProcess> {
  const child = start(['--reference', '--name', name, ...options, '--', 'sh', '-c', 'echo ready; sleep 600 & cat'])
  started.push(child)
  await said(child, 'ready')
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.stdin) child.stdin.end()
  else child.kill('SIGKILL')
  await ended
}

const pidOf = (name: string) => running().find(({ container: { spec } }) => spec.name === name)?.container.pid ?? 0
const roomOf = (model: Model, name: string, before?: Model): Room | undefined =>
  allRooms(sceneOf(model, before)).find(({ title }) => title === name)

/** Watches this machine for as long as a test needs it. */
async function watching<T>(body: (collector: Collector) => Promise<T>): Promise<T> {
  const collector = new Collector()
  const leave = collector.watch(() => {})
  try {
    return await body(collector)
  } finally {
    leave()
  }
}

/** Waits for a picture of the machine in which something holds. */
async function pictureWhere(collector: Collector, holds: (model: Model) => boolean, what: string): Promise<Model> {
  let model = await collector.now()
  await until(() => {
    void collector.now().then((now) => {
      model = now
    })
    return holds(model)
  }, what)
  return model
}

test('a container is a room in the host, and its first process has two numbers', async () => {
  await watching(async (collector) => {
    const before = await collector.now()
    await container('seen-1')
    const model = await pictureWhere(collector, (now) => roomOf(now, 'seen-1') !== undefined, 'the room')
    const pid = pidOf('seen-1')

    const room = roomOf(model, 'seen-1', before)
    expect(room).toMatchObject({ sort: 'container', mark: 'new' })
    const first = room?.occupants.find(({ process }) => process.pid === pid)
    expect(first?.numbers.map(({ number, where }) => [number, where])).toEqual([
      [1, 'seen-1'],
      [pid, 'host'],
    ])
  })
})

test('its namespaces are those that the kernel names, and the pid namespace lies in that of the host', async () => {
  await watching(async (collector) => {
    await container('seen-2')
    const pid = pidOf('seen-2')
    const model = await pictureWhere(collector, (now) => pid in now.processes, 'its process')

    const names = Object.values(namespaces(pid))
    const inodes = model.processes[pid]?.namespaces ?? []
    expect(KINDS.map((kind, i) => `${kind}:[${inodes[i]}]`)).toEqual(names)
    const of = (kind: (typeof KINDS)[number]) => model.namespaces[inodes[KINDS.indexOf(kind)] ?? 0]
    expect(of('pid')?.parent).toBe(model.host.namespaces[KINDS.indexOf('pid')])
    expect(of('net')?.owner).toBe(model.host.namespaces[KINDS.indexOf('user')])
  })
})

test('its name, mounts, links, capabilities and memory', async () => {
  await watching(async (collector) => {
    await container('seen-3', '--hostname', 'seen', '--memory', '64m')
    const pid = pidOf('seen-3')
    const its = (model: Model, kind: (typeof KINDS)[number]) =>
      model.namespaces[model.processes[pid]?.namespaces[KINDS.indexOf(kind)] ?? 0]
    const isWhole = (now: Model) =>
      its(now, 'net')?.links !== undefined && (now.usage[now.processes[pid]?.cgroup ?? '']?.memory.at(-1) ?? 0) > 0
    const model = await pictureWhere(collector, isWhole, 'its links and its memory')

    expect(its(model, 'uts')?.hostname).toBe('seen')
    expect(its(model, 'mnt')?.mounts).toContainEqual(expect.objectContaining({ target: '/proc', type: 'proc' }))
    expect(its(model, 'net')?.links).toContainEqual(expect.objectContaining({ name: 'lo', type: 'loopback' }))
    const { effective = '', cgroup = '' } = model.processes[pid] ?? {}
    const byNumber = (a: string, b: string) => CAPABILITIES.indexOf(a) - CAPABILITIES.indexOf(b)
    expect(namesIn(effective)).toEqual([...PRIVILEGES.capabilities].sort(byNumber))
    expect(model.cgroups[cgroup]?.limits.memory).toBe(64 * 2 ** 20)
    expect(model.usage[cgroup]?.memory.at(-1)).toBeLessThan(64 * 1024)
  })
})

test('a container without a pid namespace is a room too, by its other namespaces', async () => {
  await watching(async (collector) => {
    const { pid = 0 } = unshared(['--uts', 'sleep', '600'])
    const model = await pictureWhere(collector, (now) => now.processes[pid]?.name === 'sleep', 'its process')
    const room = allRooms(sceneOf(model)).find(({ occupants }) => occupants.some(({ process }) => process.pid === pid))
    expect(room?.namespaces.filter(({ own }) => own).map(({ kind }) => kind)).toEqual(['uts'])
    expect(room?.occupants[0]?.numbers).toEqual([expect.objectContaining({ number: pid, where: 'host' })])
  })
})

test('rooms in rooms: a process that is in three pid namespaces has three numbers', async () => {
  await watching(async (collector) => {
    const { pid = 0 } = unshared(['--pid', '--kill-child', 'unshare', '--pid', '--kill-child', 'sleep', '601'])
    const nested = (now: Model) => Object.values(now.processes).find(({ command }) => command === 'sleep 601')
    const model = await pictureWhere(collector, (now) => nested(now)?.numbers.length === 3, 'the innermost')
    expect(nested(model)?.numbers.slice(1)).toEqual([expect.any(Number), 1])
    const depths = (room: Room): string[][] => [
      [room.title],
      ...room.rooms.flatMap(depths).map((path) => [room.title, ...path]),
    ]
    expect(depths(sceneOf(model))).toContainEqual(['host', 'unshare', 'sleep'])
    expect(model.processes[pid]).toBeDefined()
  })
})

function unshared(words: string[]): ChildProcess {
  const child = spawn('unshare', words, { stdio: 'ignore' })
  started.push(child)
  return child
}

test('what has changed, applied to the picture before, is the picture after', async () => {
  await watching(async (collector) => {
    const before = await collector.now()
    const child = await container('seen-4')
    const during = await pictureWhere(collector, (now) => roomOf(now, 'seen-4') !== undefined, 'the room')
    await end(child)
    const pid = Object.values(during.containers).find(({ name }) => name === 'seen-4')?.pid ?? 0
    const after = await pictureWhere(collector, (now) => !(pid in now.processes), 'its end')

    const change = (from: Model, to: Model): Change => JSON.parse(JSON.stringify(changeBetween(from, to)))
    const plain = (model: Model) => JSON.parse(JSON.stringify({ ...model, usage: {} }))
    expect(plain(applied(before, change(before, during)))).toEqual(plain(during))
    expect(plain(applied(during, change(during, after)))).toEqual(plain(after))
    expect(allRooms(sceneOf(after, during)).find(({ title }) => title === 'seen-4')).toMatchObject({ mark: 'gone' })
  })
})

test("as a picture for a README: the seed's two servers, each number 1 at home and another on the host", () => {
  const process = (pid: number, name: string, parent: number, pidNamespace: number, numbers: number[]): Process => {
    const namespaces = KINDS.map((kind, i) => (kind === 'pid' ? pidNamespace : i + 1))
    const rest = { since: pid, command: name, uid: 0, effective: '0', bounding: '0', cgroup: '/', ended: false }
    return { pid, name, parent, namespaces, numbers, ...rest }
  }
  const all = [
    process(10, 'engine', 1, 5, [10]),
    process(1000, 'httpd', 10, 100, [1000, 1]),
    process(2000, 'vsftpd', 10, 200, [2000, 1]),
  ]
  const pids = { kind: 'pid' as const, parent: 5 }
  const model: Model = {
    at: 0,
    host: { name: 'host', kernel: '', cpus: 1, memory: 0, version: 2, namespaces: all[0]?.namespaces ?? [] },
    namespaces: { 5: { kind: 'pid', inode: 5 }, 100: { ...pids, inode: 100 }, 200: { ...pids, inode: 200 } },
    processes: Object.fromEntries(all.map((one) => [one.pid, one])),
    containers: {},
    cgroups: {},
    usage: {},
    points: 0,
  }
  const words = renderToString(picture(model)).match(/(?<=<text[^>]*>)[^<]+/g)
  expect(words).toEqual([
    ...['host', 'engine', '10', 'on the host', 'started httpd and 1 more'],
    ...['httpd', 'pid:[100]', 'httpd', '1', 'in httpd', '1000', 'on the host'],
    ...['vsftpd', 'pid:[200]', 'vsftpd', '1', 'in vsftpd', '2000', 'on the host'],
  ])
})

test('packed for the way, a picture is shorter, and comes out the same', async () => {
  const model = await watching((collector) => collector.now())
  const plain = JSON.stringify(model)
  const packed = JSON.stringify(pack(model))
  expect(JSON.stringify(unpack(JSON.parse(packed)))).toBe(plain)
  expect(packed.length).toBeLessThan(plain.length)
  const parts = [
    { a: 'a word that is long enough', b: 1 },
    { a: 'a word that is long enough', b: 1 },
  ]
  expect(pack([parts, parts])).toEqual({
    shared: ['a word that is long enough', { '#0': [{ $: 0 }, 1] }, [{ $: 1 }, { $: 1 }]],
    shapes: [['a', 'b']],
    value: [{ $: 2 }, { $: 2 }],
  })
})

// ── The server ───────────────────────────────────────────────────────────────────────────────────────────────────

interface Observer {
  child: ChildProcess
  port: number
}

function command(args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['scripts/observe.ts', ...args], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  return child
}

async function observer(): Promise<Observer> {
  const child = command(['--port', '0'])
  if (!child.stdout) throw new Error('no output')
  for await (const line of createInterface({ input: child.stdout })) {
    const port = Number(line.match(/^http:\/\/127\.0\.0\.1:(\d+)/)?.[1])
    if (port) return { child, port }
  }
  throw new Error('it ended and said no address')
}

function ask(port: number, options: { path?: string; method?: string; host?: string } = {}): Promise<[number, string]> {
  const { path = '/', method = 'GET', host = `127.0.0.1:${port}` } = options
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, method, headers: { host } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      response.on('end', () => resolve([response.statusCode ?? 0, body]))
    })
    asking.on('error', reject).end()
  })
}

/** Reads server-sent events, and keeps the picture. */
function follow(port: number): { model(): Model | undefined; stop(): void } {
  let model: Model | undefined
  const asking = request({ host: '127.0.0.1', port, path: '/events' }, (response) => {
    let kind = ''
    response.on('error', () => {}) // ECONNRESET: it was killed
    const lines = createInterface({ input: response })
    lines.on('error', () => {})
    lines.on('line', (line) => {
      if (line.startsWith('event: ')) kind = line.slice(7)
      if (!line.startsWith('data: ')) return
      const data = JSON.parse(line.slice(6))
      model = kind === 'picture' ? (unpack(data) as Model) : model && applied(model, data)
    })
  })
  asking.on('error', () => {}) // ECONNRESET: it was killed
  asking.end()
  return { model: () => model, stop: () => asking.destroy() }
}

test('it listens on loopback alone', async () => {
  const { port } = await observer()
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/net/${file}`, 'utf8').split('\n'))
  const listening = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(wanted) && state === '0A')
  expect(listening.map(([, local]) => local)).toEqual([`0100007F${wanted}`])
})

test('it answers only what was asked of this machine by name, and only looking', async () => {
  const { port } = await observer()
  expect((await ask(port))[0]).toBe(200)
  expect((await ask(port, { host: 'localhost:8080' }))[0], 'through ssh -L').toBe(200)
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example']) {
    expect((await ask(port, { host }))[0], host).toBe(403)
    expect((await ask(port, { host, path: '/events' }))[0], host).toBe(403)
  }
  for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask(port, { method }))[0], method).toBe(405)
  expect((await ask(port, { path: '/etc/passwd' }))[0]).toBe(404)
  expect((await ask(port, { path: '/../../etc/passwd' }))[0]).toBe(404)
  expect(isLocal(undefined)).toBe(false)
})

test('a page hears within a second that a container has started, and that it has ended', async () => {
  const { port } = await observer()
  const page = follow(port)
  await until(() => page.model() !== undefined, 'the first picture')
  const has = () => Object.values(page.model()?.containers ?? {}).some(({ name }) => name === 'seen-5')

  const child = await container('seen-5')
  await within(SECOND, has, 'the page knows the container')
  await end(child)
  await within(SECOND, () => !has(), 'the page knows of its end')
  page.stop()
})

async function within(limit: number, condition: () => boolean, what: string): Promise<void> {
  const begun = performance.now()
  await until(condition, what)
  expect(performance.now() - begun, what).toBeLessThan(limit)
}

test('killed, it leaves the container as it is', async () => {
  const { port, child: server } = await observer()
  await container('seen-6')
  const page = follow(port)
  await until(() => Object.keys(page.model()?.containers ?? {}).length > 0, 'the container is seen')
  const pid = pidOf('seen-6')
  const before = namespaces(pid)
  await end(server)
  expect(namespaces(pid)).toEqual(before)
  expect(pidOf('seen-6')).toBe(pid)
})

test('a port that is taken is no port for it', async () => {
  const { port } = await observer()
  const words = `port ${port} is taken`
  expect(await result(command(['--port', String(port)]))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(words),
  })
})

test('Ctrl-C ends it, though pages look', async () => {
  const { port, child } = await observer()
  const page = follow(port)
  await until(() => page.model() !== undefined, 'the first picture')
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
})

test('the page needs nothing from elsewhere, and lets nothing in', () => {
  const html = documentOf()
  expect(Buffer.byteLength(html)).toBeLessThan(200_000)
  expect(html.match(/(?:src|href|action)=["']?(?!data:)[^"'>\s]+/g)).toBeNull()
  expect(html).not.toMatch(/@import|url\((?!data:)/)
  expect(html).toContain("default-src 'none'")
})

test('what a process is called stays a word', async () => {
  const { now } = await watching(async (collector) => ({ now: await collector.now() }))
  const [process] = Object.values(now.processes)
  if (!process) throw new Error('there is no process')
  const name = '</script><script>alert(1)</script>'
  const hostile: Model = { ...now, processes: { [process.pid]: { ...process, name } } }
  const html = withPicture(documentOf(), hostile, hostile)
  expect(html).not.toContain(name)
  expect(html.split('<script').length).toBe(documentOf().split('<script').length)
  expect(renderToString(h('p', null, name))).not.toContain('<script')
})

test.each([
  [['--port', 'x'], 2, '--port x: a port is a number'],
  [['--port', '70000'], 2, '--port 70000'],
  [['--once', '/proc/nothing/here.html'], 1, 'the picture cannot be written'],
])('%j is refused in a sentence', async (args, code, words) => {
  expect(await result(command(args))).toMatchObject({ code, stderr: expect.stringContaining(words) })
})
