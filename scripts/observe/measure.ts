/*
 * Measures `npm run observe` beside many containers: node scripts/observe/measure.ts [CONTAINERS] [SECONDS]
 *
 * Its containers are of the reference, each with one process that sleeps and a loop that wakes ten times a second. The
 * bars, with 50 of them: the page below 200 KB, a change seen within a second, less than 15 % of one CPU, and memory
 * that does not grow.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { project } from '#given/spec.ts'
import type { Change } from './change.ts'

const [containers = 50, duration = 60] = process.argv.slice(2).map(Number) // in seconds
const TICKS = 100 // of a process's CPU time, in a second: sysconf(3), _SC_CLK_TCK

const started: ChildProcess[] = []
const kb = (bytes: number) => (bytes / 1000).toFixed(1)

try {
  for (let i = 1; i <= containers; i++) await container(`measured-${i}`, 'while sleep 0.1; do :; done & cat')
  const { server, address } = await observe()
  const page = follow(`${address}events`)
  const html = await download(address)
  await sleep(5000) // the links of each are read, the code is compiled
  const first = page.bytes.picture
  console.log(`page ${kb(html)} KB, first picture ${kb(first)} KB, together ${kb(html + first)} KB`)

  const from = { cpu: cpuOf(server), at: performance.now(), bytes: page.bytes.all }
  const memory: number[] = []
  for (const end = performance.now() + duration * 1000; performance.now() < end; ) {
    await sleep(Math.min(10_000, duration * 1000))
    memory.push(memoryOf(server))
  }
  const seconds = (performance.now() - from.at) / 1000
  console.log(`CPU ${(((cpuOf(server) - from.cpu) / TICKS / seconds) * 100).toFixed(1)} % of one`)
  console.log(`changes ${kb((page.bytes.all - from.bytes) / seconds)} KB a second`)
  console.log(`memory in MB, every 10 s: ${memory.join(' ')}`)
  const second = follow(`${address}events`)
  await sleep(2000)
  console.log(`picture with full curves ${kb(second.bytes.picture)} KB`)

  const delays: number[] = []
  for (let i = 0; i < 20; i++) {
    const late = await container(`late-${i}`, 'cat')
    delays.push(await page.delayOf(`late-${i}`))
    await end(late)
    await sleep(137) // not in step with the looks
  }
  console.log(`from the start of a container until the page hears, in ms: ${delays.sort((a, b) => a - b).join(' ')}`)
} finally {
  for (const child of started) await end(child)
}

function node(...args: string[]): ChildProcess {
  const env = { ...process.env, WORKSHOP_NET: 'none' }
  const child = spawn(process.execPath, args, { cwd: project, env, stdio: ['pipe', 'pipe', 'inherit'] })
  started.push(child)
  return child
}

/** A container ends when there is nothing more to read, and its engine cleans up; the server by a signal. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.stdin?.end()
  if (child.spawnargs.includes('scripts/observe.ts')) child.kill('SIGINT')
  await ended
}

async function container(name: string, command: string): Promise<ChildProcess> {
  const child = node('scripts/box.ts', 'run', '--reference', '--name', name, '--', 'sh', '-c', `echo ready; ${command}`)
  await once(child.stdout ?? child, 'data')
  return child
}

async function observe(): Promise<{ server: number; address: string }> {
  const child = node('scripts/observe.ts', '--port', '0')
  const [line] = await once(createInterface({ input: child.stdout ?? process.stdin }), 'line')
  return { server: child.pid ?? 0, address: `${String(line).split(' ')[0]}/` }
}

/** How many bytes a browser gets. */
function download(url: string): Promise<number> {
  return new Promise((resolve) => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      let bytes = 0
      response.on('data', (data: Buffer) => {
        bytes += data.length
      })
      response.on('end', () => resolve(bytes))
    })
  })
}

function follow(url: string) {
  const bytes = { picture: 0, all: 0 }
  const delays = new Map<string, number>()
  get(url, (response) => {
    response.on('error', () => {}) // ECONNRESET, at the end
    const lines = createInterface({ input: response })
    lines.on('error', () => {})
    lines.on('line', (line) => {
      bytes.picture ||= line.startsWith('data: ') ? line.length : 0
      bytes.all += line.length
      if (!line.startsWith('data: ') || !line.includes('"late-')) return
      const { set }: Change = JSON.parse(line.slice(6))
      for (const { name, started } of Object.values(set.containers ?? {})) delays.set(name, Date.now() - started)
    })
  })
  const delayOf = async (name: string): Promise<number> => {
    for (;;) {
      const delay = delays.get(name)
      if (delay !== undefined) return delay
      await sleep(10)
    }
  }
  return { bytes, delayOf }
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]) // with its children's, ip(8)
}

function memoryOf(pid: number): number {
  const kibibytes = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)?.[1]
  return Math.round(Number(kibibytes) / 1024)
}
