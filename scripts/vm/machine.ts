/*
 * Vagrant, with what it takes set up first.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { project } from '../lib/lessons.ts'
import { ensureBox } from './box.ts'
import { loudly } from './steps.ts'
import { ask, ensure, TO_RUN } from './tools.ts'

/** The machine that learners work in, and its twin with the older cgroups. */
export type Name = 'default' | 'v1'
export type State = 'not_created' | 'running' | 'saved' | 'poweroff' | (string & {})

const OWN = 'workshop_qemu'
/** Where Vagrant keeps what it knows of our machines. */
const filesOf = (name: Name) => resolve(project, process.env.VAGRANT_DOTFILE_PATH ?? '.vagrant', 'machines', name, OWN)
const FRESH = 'fresh'

// Vagrant asks its makers for news otherwise.
const env = { ...process.env, VAGRANT_CHECKPOINT_DISABLE: '1', VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1' }

export function vagrant(...args: string[]): Promise<number> {
  return loudly('vagrant', args, env)
}

/** Which provider Vagrant takes for a machine, and how that machine is. */
export function look(name: Name): { provider: string; state: State } {
  const args = ['status', '--machine-readable', name]
  const { stdout, stderr, status } = spawnSync('vagrant', args, { cwd: project, env, encoding: 'utf8' })
  const value = (kind: string) => stdout.match(new RegExp(`^\\d+,${name},${kind},(.*)$`, 'm'))?.[1]
  const [provider, state] = [value('provider-name'), value('state')]
  if (status !== 0 || !provider || !state) throw new UsageError(`vagrant status failed:\n${stderr || stdout}`, 1)
  return { provider, state }
}

/** Makes a machine, or starts it, with all that it takes. */
export async function up(name: Name): Promise<number> {
  const { vagrant: own, rsync, ssh, ...qemu } = TO_RUN
  await ensure({ vagrant: own, rsync, ssh })
  const { provider, state } = look(name)
  if (provider === OWN) {
    await ensure(qemu)
    if (state === 'not_created') {
      if (!process.env.WORKSHOP_BOX) await ensureBox()
    } else refuseOldPackages(name)
  }
  const code = await vagrant('up', name)
  if (code === 0 && state === 'not_created' && provider === OWN) removeOldBoxes()
  const booted = state === 'not_created' || state === 'poweroff'
  if (code !== 0 || name !== 'default' || !booted || hasSnapshot()) return code
  return vagrant('snapshot', 'save', name, FRESH) // what `reset` goes back to
}

/** Vagrant keeps a copy of each box that it ever took. Of ours, those go that no machine stands on. */
function removeOldBoxes(): void {
  const { stdout } = spawnSync('vagrant', ['box', 'list'], { env, encoding: 'utf8' })
  for (const [name] of (stdout ?? '').matchAll(/^workshop-\d+-\d+/gm)) {
    // For one that is in use it would ask first, and there is nobody to ask: then it stays.
    spawnSync('vagrant', ['box', 'remove', name, '--provider', OWN], { env, stdio: 'ignore' })
  }
}

/** Our own machine's are read from its disk, which is a second and a half faster than to ask Vagrant. */
function hasSnapshot(): boolean {
  const disk = join(filesOf('default'), 'disk.qcow2')
  if (existsSync(disk)) return ask('qemu-img', 'snapshot', '-l', '-U', disk).includes(` ${FRESH} `)
  const { stdout } = spawnSync('vagrant', ['snapshot', 'list', 'default'], { cwd: project, env, encoding: 'utf8' })
  return (stdout ?? '').split('\n').some((line) => line.trim() === FRESH)
}

/** A machine's node_modules are the box's. If the lockfile has changed since, npm would try to install in there. */
function refuseOldPackages(name: Name): void {
  const file = join(filesOf(name), 'metadata.json')
  if (!existsSync(file)) return
  const { workshop } = JSON.parse(readFileSync(file, 'utf8')) as { workshop?: { lockfile?: string } }
  const lockfile = createHash('sha256')
    .update(readFileSync(join(project, 'package-lock.json')))
    .digest('hex')
  if (!workshop?.lockfile || workshop.lockfile === lockfile) return
  throw new UsageError(
    'the lockfile has changed since the machine was made, and the machine has the old packages.\n' +
      '  Make it anew: npm run vm -- destroy, then the same command again. What you wrote lies on this side, and stays.',
    1,
  )
}

/** Is there a machine to talk to? */
export async function requireRunning(name: Name = 'default'): Promise<void> {
  await ensure({ vagrant: TO_RUN.vagrant })
  if (look(name).state !== 'running') throw new UsageError('the machine is not running: npm run vm -- up', 1)
}

/** A shell in the machine, or one command, whose exit code comes back. */
export async function connect(words: string[], name: Name = 'default'): Promise<number> {
  await requireRunning(name)
  if (words.length === 0) return vagrant('ssh', name)
  return vagrant(
    'ssh',
    name,
    ...(process.stdin.isTTY ? [] : ['--no-tty']),
    '--command',
    `cd /vagrant && ${words.join(' ')}`,
  )
}

/** Back to the snapshot of its first start; a machine that has none is made anew. */
export async function reset(): Promise<number> {
  await ensure({ vagrant: TO_RUN.vagrant })
  if (hasSnapshot()) {
    return vagrant('snapshot', 'restore', 'default', FRESH, '--no-provision')
  }
  console.error('There is no snapshot of when it was new; making it anew takes a minute.')
  await vagrant('destroy', '--force', 'default')
  return up('default')
}

const simply = (...args: string[]) => {
  return async () => {
    await ensure({ vagrant: TO_RUN.vagrant })
    return vagrant(...args)
  }
}
export const resume = () => up('default')
export const suspend = simply('suspend')
export const halt = simply('halt')
export const destroy = simply('destroy', '--force')
export const status = simply('status')
