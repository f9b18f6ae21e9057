import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { status } from '#given/proc.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { allBoxes, boxNamed, untilGone } from '../lib/boxes.ts'
import { inspected } from '../lib/inspected.ts'
import { plain } from '../lib/listed.ts'
import { removeBox } from '../lib/removal.ts'
import { box as anyBox, start as anyStart, until } from './boxes.ts'

// Containers that are kept, right on this machine, in a store of their own. Each test removes what it has made. It is
// looked at and removed here, by what `ps`, `inspect` and `rm` call: a Node for each would be most of what a test costs.

let folder: string
const made = new Set<string>()
const shared = new Set<string>()

/** A container of this name is removed after the test. */
export const mine = (name: string) => void made.add(name)

/** To be called once in a file. */
export function ownStore(): void {
  beforeAll(() => {
    ensureRootfs()
    folder = mkdtempSync(join(tmpdir(), 'workshop-kept-'))
    chmodSync(folder, 0o711) // for the root of a user namespace
    vi.stubEnv('WORKSHOP_IMAGES', join(folder, 'store')) // for this process, too
  })
  afterEach(() => remove(made))
  afterAll(async () => {
    await remove(shared)
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })
}

async function remove(names: Set<string>): Promise<void> {
  if (names.size === 0) return
  const there = (await allBoxes()).filter(({ name }) => names.has(name))
  names.clear()
  await Promise.all(there.map((box) => removeBox(box, true)))
}

export const inFolder = (name: string): string => join(folder, name)
export const box = (verb: string, ...args: string[]) => anyBox(args, { verb, cwd: folder })
export const start = (verb: string, ...args: string[]) => anyStart(args, { verb, cwd: folder })

/** A command that must not fail: what it printed. */
export async function ok(verb: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box(verb, ...args)
  expect({ code, stderr }, `${verb} ${args.join(' ')}`).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** Starts a container in the background: a script. */
export async function run(name: string, script: string, ...options: string[]): Promise<string> {
  mine(name)
  return (await ok('run', '-d', '--reference', '--name', name, ...options, '--', 'sh', '-c', script)).trim()
}

/** Keeps what is made in beforeAll for all tests of a file. Each leaves it as it was. */
export async function forAll(name: string, making: Promise<string>): Promise<string> {
  shared.add(name)
  const printed = await making
  made.delete(name)
  return printed
}

export async function create(name: string, script: string, ...options: string[]): Promise<string> {
  mine(name)
  return (await ok('create', '--reference', '--name', name, ...options, '--', 'sh', '-c', script)).trim()
}

/** What `ps --all --json` says. */
export const list = async () => (await allBoxes()).map((box) => plain(box, ''))
export const listed = async (name: string) => (await list()).find((one) => one.name === name)

export interface Inspected {
  id: string
  state: { status: string; exitCode: number | null; pid: number; supervisor: number }
  root: { changes: string }
  network: { address: string | null }
  log: string
  kernel: {
    namespaces: Record<string, string>
    cgroups: Record<string, string>
    capabilities: { effective: string[] }
  } | null
}

/** What `inspect` says. */
export const inspect = async (name: string) => inspected(await boxNamed(name), '') as Inspected

/** Waits until a container has printed something. */
export async function printed(name: string, text: string): Promise<void> {
  const { log } = await inspect(name)
  await until(() => readFileSync(log, 'utf8').includes(text), `'${name}' prints ${text}`)
}

/** Waits until a container has ended, and all is cleaned up: as `wait` does. */
export const ended = async (name: string) => untilGone(await boxNamed(name))

/** Waits until there is no such process any more. */
export async function gone(pid: number): Promise<void> {
  await until(() => {
    try {
      return status(pid, 'State')?.startsWith('Z') ?? true
    } catch {
      return true
    }
  }, `process ${pid} ends`)
}
