import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { seconds } from '#given/patience.ts'
import { mirrors } from '../vm/mirrors.ts'
import { step } from '../vm/steps.ts'
import { find } from '../vm/tools.ts'
import { project } from './lessons.ts'

/** The longest that it may take: it is a quarter of a minute where mirror and disk are quick. */
const LIMIT = seconds(180)

/** A Debian that was fetched, or the reason why there is none. For the environment of a demo, whose lab has no network. */
export type Debian = { WORKSHOP_DEBIAN: string } | { WORKSHOP_NO_DEBIAN: string }

/**
 * Fetches Debian's essential packages from the mirror that apt-get uses on this machine, and makes a root of them, once:
 * 40 MB, a quarter of a minute.
 */
export async function fetchDebian(): Promise<Debian> {
  const folder = join(project, '.workshop', 'debian')
  if (existsSync(folder)) return { WORKSHOP_DEBIAN: folder }
  const suite = codename()
  const program = find('mmdebstrap')
  if (!program) return { WORKSHOP_NO_DEBIAN: 'mmdebstrap is not installed: apt-get install mmdebstrap' }
  if (!suite || mirrors(suite).length === 0) return { WORKSHOP_NO_DEBIAN: 'apt-get has no mirror of Debian here' }
  const fetch = () => make(program, suite, folder)
  try {
    if (process.stderr.isTTY)
      await step("Fetching Debian's essential packages, once, for a part of the demo", 15, fetch)
    else await fetch()
    return { WORKSHOP_DEBIAN: folder }
  } catch (error) {
    return { WORKSHOP_NO_DEBIAN: (error as Error).message }
  }
}

/** The Debian of this machine, where it is one: os-release(5). */
function codename(): string | undefined {
  const file = '/etc/os-release'
  const lines = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return /^ID=debian$/m.test(lines) ? /^VERSION_CODENAME=(\w+)$/m.exec(lines)?.[1] : undefined
}

/** All or nothing: what is unfinished has another name. */
async function make(program: string, suite: string, folder: string): Promise<void> {
  const unfinished = `${folder}-${process.pid}`
  const hurry = ['--aptopt=Acquire::Retries "0"', '--aptopt=Acquire::http::Timeout "10"']
  const args = ['--variant=essential', '--format=directory', ...hurry, suite, unfinished, ...mirrors(suite)]
  const env = { ...process.env, LC_ALL: 'C.UTF-8', PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  mkdirSync(dirname(folder), { recursive: true })
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env, timeout: LIMIT })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const said = await text(child.stderr)
  try {
    if ((await ended) === 0) return renameSync(unfinished, folder)
    if (child.killed) throw new Error(`mmdebstrap was not ready in ${LIMIT / 1000} s`)
    throw new Error(/^E: (?:Failed to fetch \S+\s+)?(.+)/m.exec(said)?.[1] ?? 'mmdebstrap failed') // apt's first reason
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}
