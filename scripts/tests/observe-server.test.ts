import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seconds } from '#given/patience.ts'
import { namespaces } from '#given/proc.ts'
import { project } from '#given/spec.ts'
import { applied } from '../observe/change.ts'
import type { Model } from '../observe/model.ts'
import { unpack } from '../observe/pack.ts'
import { documentOf } from '../observe/page/document.ts'
import { withPicture } from '../observe/page/picture.ts'
import { isLocal } from '../observe/server.ts'
import { result, until } from './boxes.ts'
import { container, end, observing, pidOf, started, watching } from './observed.ts'
import { refusals } from './refusals.ts'

const SECOND = seconds(1) // within which a change is to be seen

interface Observer {
  child: ChildProcess
  port: number
}

observing()

/** The one that most tests ask. They leave it as it is. */
let port: number
let server: ChildProcess
beforeAll(async () => {
  server = command(['--port', '0'])
  port = await portOf(server)
})
afterAll(() => end(server))

/** One for a test that ends it. */
async function observer(): Promise<Observer> {
  const child = command(['--port', '0'])
  started.push(child)
  return { child, port: await portOf(child) }
}

function command(args: string[]): ChildProcess {
  return spawn(process.execPath, ['scripts/observe.ts', ...args], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** The port that it says. */
async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (!stdout) throw new Error('no output')
  for await (const line of createInterface({ input: stdout })) {
    const port = Number(line.match(/^http:\/\/127\.0\.0\.1:(\d+)/)?.[1])
    if (port) return port
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

test('it listens on loopback alone', () => {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/net/${file}`, 'utf8').split('\n'))
  const listening = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(wanted) && state === '0A')
  expect(listening.map(([, local]) => local)).toEqual([`0100007F${wanted}`])
})

test('it answers only what was asked of this machine by name, and only looking', async () => {
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

test('a page hears within a second that a container has started and ended; an observer killed meanwhile leaves it', async () => {
  const page = follow(port)
  await until(() => page.model() !== undefined, 'the first picture')
  const knows = (model?: Model) => Object.values(model?.containers ?? {}).some(({ name }) => name === 'seen-5')

  const child = await container('seen-5')
  await within(SECOND, () => knows(page.model()), 'the page knows the container')

  const other = await observer()
  const theirs = follow(other.port)
  await until(() => knows(theirs.model()), 'the other knows it, too')
  const pid = pidOf('seen-5')
  const before = namespaces(pid)
  await end(other.child)
  expect(namespaces(pid)).toEqual(before)
  expect(pidOf('seen-5')).toBe(pid)

  await end(child)
  await within(SECOND, () => !knows(page.model()), 'the page knows of its end')
  page.stop()
})

async function within(limit: number, condition: () => boolean, what: string): Promise<void> {
  const begun = performance.now()
  await until(condition, what)
  expect(performance.now() - begun, what).toBeLessThan(limit)
}

test('a port that is taken is no port for it', async () => {
  const words = `port ${port} is taken`
  expect(await result(command(['--port', String(port)]))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(words),
  })
})

test('Ctrl-C ends it, though pages look', async () => {
  const { port: own, child } = await observer()
  const page = follow(own)
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

const REFUSED: [args: string[], code: number, words: string][] = [
  [['--port', 'x'], 2, '--port x: a port is a number'],
  [['--port', '70000'], 2, '--port 70000'],
  [['--once', '/proc/nothing/here.html'], 1, 'the picture cannot be written'],
]
const refused = refusals(REFUSED.map(([args]) => ({ command: 'observe', args })))
test.each(REFUSED.map((row, nth) => [...row, nth] as const))('%j is refused in a sentence', async (...row) => {
  const [, code, words, nth] = row
  expect(await refused(nth)).toMatchObject({ code, stderr: expect.stringContaining(words) })
})
