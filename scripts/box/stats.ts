import { setTimeout as sleep } from 'node:timers/promises'
import { events, isFrozen, memoryLimit } from '#given/cgroups/counters.ts'
import { seconds } from '#given/patience.ts'
import { type Entry, running } from '#given/running.ts'
import { boxesNamed, entryOf } from '../lib/boxes.ts'
import { command } from '../lib/command.ts'
import { cgroupOf, hasCgroup } from '../lib/containers.ts'
import { fittedTable } from '../lib/fitted.ts'
import { verb } from '../lib/verbs.ts'

const INTERVAL = 1000 // milliseconds

await command(
  verb({
    usage: 'stats [NAME…]',
    about: `What the running containers take, a line for each, anew every second; Ctrl-C ends it.
CPU is in percent of one. OOM: killed for want of memory; REFUSED: forks; WAITED: for CPU time, in periods of 100 ms.`,
    options: {
      'no-stream': { type: 'boolean', description: 'once' },
      json: { type: 'boolean', description: 'as JSON, a line each time; bytes and microseconds' },
    },
  }),
  async ({ values, positionals: names }) => {
    const wanted = async () => (names.length > 0 ? (await boxesNamed(names)).map(entryOf) : running().filter(hasCgroup))
    process.once('SIGINT', () => {
      if (process.stdout.isTTY) console.log() // the terminal has echoed ^C
      process.exit(0)
    })
    for (let before = await look(await wanted()); ; ) {
      await sleep(values['no-stream'] ? INTERVAL / 5 : INTERVAL) // CPU in percent takes two looks
      const now = await look(await wanted())
      const lines = now.map((sample) => ({ ...sample, cpuPercent: percent(before, sample) }))
      if (values.json) console.log(JSON.stringify(lines.map(({ at, ...rest }) => rest)))
      else print(lines, !values['no-stream'])
      if (values['no-stream']) return 0
      before = now
    }
  },
)

interface Sample {
  name: string
  id: string
  /** In milliseconds. */
  at: number
  /** In microseconds. */
  cpu: number
  /** In bytes. */
  memory: number
  /** In bytes; null where there is none. */
  memoryLimit: number | null
  pids: number
  paused: boolean
  oomKills: number
  forksRefused: number
  throttled: number
}

async function look(entries: Entry[]): Promise<Sample[]> {
  const samples = await Promise.all(entries.map(sample))
  return samples.filter((one) => one !== undefined)
}

/**
 * What a container has taken up to now; undefined where it has ended. One that has just begun has no groups yet, and one
 * that is about to end has lost some: a moment later there is an answer.
 */
async function sample(entry: Entry): Promise<Sample | undefined> {
  for (const deadline = Date.now() + seconds(1); ; await sleep(20)) {
    try {
      return await read(entry)
    } catch (error) {
      if (!running().some(({ container }) => container.id === entry.container.id)) return undefined
      if (Date.now() > deadline) throw error
    }
  }
}

async function read(entry: Entry): Promise<Sample> {
  const { id, spec } = entry.container
  const { usage } = await cgroupOf(entry)
  const limit = memoryLimit(id)
  return {
    name: spec.name,
    id,
    at: performance.now(),
    ...usage(id),
    memoryLimit: Number.isFinite(limit) ? limit : null,
    paused: isFrozen(id),
    ...events(id),
  }
}

function percent(before: Sample[], { id, at, cpu }: Sample): number {
  const then = before.find((one) => one.id === id)
  return then ? Math.round((cpu - then.cpu) / (at - then.at)) / 10 : 0 // microseconds in milliseconds: tenths of a percent
}

function print(lines: (Sample & { cpuPercent: number })[], live: boolean): void {
  if (live && process.stdout.isTTY) process.stdout.write('\x1b[H\x1b[2J')
  const rows = lines.map((one) => [
    one.name,
    `${one.cpuPercent.toFixed(1)} %`.padStart(8),
    `${size(one.memory)} / ${one.memoryLimit === null ? 'no limit' : size(one.memoryLimit)}`,
    String(one.pids),
    String(one.oomKills),
    String(one.forksRefused),
    String(one.throttled),
    one.paused ? 'paused' : '',
  ])
  fittedTable(['NAME', '     CPU', 'MEMORY', 'PIDS', 'OOM', 'REFUSED', 'WAITED', ''], rows, { NAME: 8 })
}

function size(bytes: number): string {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)))
  return `${(bytes / 1024 ** power).toFixed(power > 1 ? 1 : 0)}${['', 'k', 'm', 'g'][power]}`
}
