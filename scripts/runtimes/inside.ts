/*
 * The part that runs in the lab, as a process of its own: node inside.ts '{"names": […], …}'
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { UsageError } from '#given/errors.ts'
import { RUNTIMES } from './all.ts'
import { runOneImage } from './image.ts'
import { measure } from './measure.ts'
import { lacks, measureAll, placeFor } from './measure-all.ts'
import type { Orders } from './orders.ts'
import { print } from './print.ts'
import { Refused } from './runtime.ts'

process.env.PATH += ':/usr/local/sbin:/usr/sbin:/sbin' // where runc is, and whoever became root may not look
const orders: Orders = JSON.parse(process.argv[2] ?? '{}')
const chosen = RUNTIMES.filter(({ name }) => orders.names.includes(name))
try {
  if (orders.do === 'measure') await showMeasured()
  else if (orders.do === 'image') await runOneImage(orders.json)
  else process.exitCode = await shell()
} catch (error) {
  if (!(error instanceof Refused || error instanceof UsageError)) throw error
  console.error(`runtimes: ${error.message}`)
  process.exitCode = 1
}

async function showMeasured(): Promise<void> {
  const answers = await measureAll(chosen)
  const host = measure(process.pid)
  if (orders.json) console.log(JSON.stringify({ machine: machine(), host, runtimes: answers }, null, 2))
  else print(host, answers, [`${machine().join('; ')}.`])
}

/** What the figures belong to. */
function machine(): string[] {
  const os = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux'
  const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
  return [os, `Linux ${release()}`, `cgroup ${v2 ? 'v2' : 'v1'}`]
}

/** A shell in which the daemons run, and everything else is as for a measurement. */
async function shell(): Promise<number> {
  let env = process.env
  const places = []
  for (const runtime of chosen) {
    const missing = lacks(runtime)
    if (missing) throw new UsageError(`${runtime.name}: ${missing}`)
    const place = placeFor(runtime, env)
    await runtime.prepare?.(place)
    env = place.env
    places.push(place)
  }
  const words = orders.script === undefined ? ['--noprofile', '--norc'] : ['-c', orders.script]
  const cwd = places.at(-1)?.folder
  // Node goes on meanwhile, and buries daemons that somebody kills.
  const bash = spawn('bash', words, { env, stdio: 'inherit', ...(cwd ? { cwd } : {}) })
  const [status] = await once(bash, 'exit')
  for (const child of places.flatMap(({ children }) => children)) child.kill('SIGKILL') // dockerd would wait for containers
  return status ?? 1
}
