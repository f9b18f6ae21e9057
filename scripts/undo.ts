import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { kill } from '#given/libc.ts'
import { mounts, processes, status } from '#given/proc.ts'
import { abandoned, cleanUp, running } from '#given/running.ts'
import { project, spec } from '#given/spec.ts'
import { containersFolder, removeTree } from '#given/union.ts'
import { readKept, whileNobodyCreates } from '../lessons/11-box/given/kept.ts'
import { command } from './lib/command.ts'

/*
 * A lab takes all with it when it dies, and the engine's children die with their parent. So there should be nothing to
 * undo. Should: power fails, and kernels have bugs. What exists outside of labs carries one of these names.
 */
const NAME = /^workshop-/
const LINK = /^ws-/
const TABLE = /^workshop(-|$)/
/** What all containers on a network have together. */
const SHARED = /^(ws-bridge|table \w+ workshop)$/
const SIGKILL = 9

interface Leftover {
  what: string
  remove(): void | Promise<void>
}

await command(
  {
    name: 'undo',
    usage: 'npm run undo',
    about:
      'Removes what a killed run of the workshop left on this machine: processes, cgroups, links, temporary files.',
    options: {
      'dry-run': { type: 'boolean', description: 'say what would be removed, and remove nothing' },
      force: { type: 'boolean', description: 'even while a command of the workshop is running' },
    },
    needsLinux: true,
  },
  async ({ values }) => {
    const busy = engines().filter((pid) => !isOrphan(pid))
    if (busy.length > 0 && !values.force) {
      throw new UsageError(
        `the workshop is running (process ${busy.join(', ')}), and what it uses is no leftover.\n  End it first, or add -- --force`,
        1,
      )
    }
    const containers = running().map(({ container }) => container.spec.name) // detached ones have no engine any more
    if (containers.length > 0 && !values.force) {
      throw new UsageError(
        `containers run (${containers.join(', ')}), and what they use is no leftover.\n  npm run box -- rm --force ${containers.join(' ')}, or add -- --force here`,
        1,
      )
    }
    const leftovers = [
      ...strayProcesses(),
      ...strayContainers(),
      ...(await strayChanges()),
      ...strayCgroups(),
      ...strayLinks(),
      ...strayTables(),
      ...strayFiles(),
    ]
    if (leftovers.length === 0) console.log('Nothing to undo.')
    let failed = 0
    for (const leftover of leftovers) if (!(await undo(leftover, Boolean(values['dry-run'])))) failed++
    return failed === 0 ? 0 : 1
  },
)

async function undo({ what, remove }: Leftover, dry: boolean): Promise<boolean> {
  if (dry) {
    console.log(`would remove ${what}`)
    return true
  }
  try {
    await remove()
    console.log(`removed ${what}`)
    return true
  } catch (error) {
    console.error(`could not remove ${what}: ${(error as Error).message}`)
    return false
  }
}

/** Does a container that runs have this? All its names outside have its id. */
function isUsed(name: string): boolean {
  const all = running()
  return all.some(({ container }) => name.includes(container.id)) || (all.length > 0 && SHARED.test(name))
}

/** Processes that run the engine, the init or a lab's server of this very clone, and are no container's. */
function engines(): number[] {
  const first = new Set(running().map(({ container }) => container.pid))
  if (read('/proc/1/cmdline').includes('given/init.ts')) return [] // we are in a lab, and these are what it is made of
  const given = join(project, 'lessons/00-foundation/given')
  const files = ['run.ts', 'init.ts', 'lab-server.ts'].map((name) => join(given, name))
  return processes().filter((pid) => {
    const words = read(`/proc/${pid}/cmdline`).split('\0')
    return pid !== process.pid && !first.has(pid) && files.some((file) => words.slice(1, 5).includes(file))
  })
}

/** Its parent is gone: pid 1, or a subreaper, has it. */
function isOrphan(pid: number): boolean {
  const parent = Number(status(pid, 'PPid') ?? 0)
  return parent === 1 || !read(`/proc/${parent}/cmdline`).includes('node')
}

function strayProcesses(): Leftover[] {
  return engines()
    .filter(isOrphan)
    .map((pid) => ({
      what: `process ${pid} (${read(`/proc/${pid}/cmdline`)
        .split('\0')
        .slice(0, 4)
        .map((word) => basename(word))
        .join(' ')})`,
      remove: () => void kill(pid, SIGKILL),
    }))
}

function strayCgroups(): Leftover[] {
  const roots = mounts().filter(({ type, options }) => /^cgroup2?$/.test(type) && options.includes('rw'))
  const found = roots
    .flatMap(({ target }) => below(target))
    .filter((path) => path.split('/').some((part) => NAME.test(part)) && !path.split('/').some(isUsed))
  return found.map((path) => ({ what: `cgroup ${path}`, remove: () => removeCgroup(path) }))
}

/** The folders below one, the deepest first: that is the order in which rmdir(2) takes them. */
function below(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return entries.flatMap(({ name }) => [...below(join(folder, name)), join(folder, name)])
}

function removeCgroup(path: string): void {
  for (let upper = path; upper.includes('/workshop-'); upper = dirname(upper)) thaw(upper)
  for (const pid of read(join(path, 'cgroup.procs')).split('\n').filter(Boolean)) kill(Number(pid), SIGKILL)
  const patience = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; existsSync(path); tries++) {
    try {
      rmdirSync(path)
    } catch (error) {
      if (tries === 100) throw error // EBUSY until the last process is buried, and that takes a moment
      Atomics.wait(patience, 0, 0, 20)
    }
  }
}

/**
 * Before the kill: a process in a frozen v1 cgroup does not die of SIGKILL until it is thawed. And a cgroup is frozen
 * as long as one above it is.
 */
function thaw(path: string): void {
  const [v1, v2] = [join(path, 'freezer.state'), join(path, 'cgroup.freeze')]
  if (existsSync(v1)) writeFileSync(v1, 'THAWED')
  if (existsSync(v2)) writeFileSync(v2, '0')
}

/** What an engine that was killed made outside of its container: their mechanisms know. */
function strayContainers(): Leftover[] {
  return abandoned().map((entry) => ({
    what: `the rest of container ${entry.container.spec.name}`,
    remove: () => cleanUp(entry),
  }))
}

/**
 * What containers changed in their roots, and nobody waits for any more: after a power cut even /run forgets them. What
 * is kept is no leftover, running or not: npm run box -- rm.
 */
async function strayChanges(): Promise<Leftover[]> {
  const folder = containersFolder()
  if (!existsSync(folder)) return []
  const names = await whileNobodyCreates(() => readdirSync(folder))
  const known = new Set([...running(), ...abandoned()].map(({ container }) => container.id))
  const asRoot = spec({ argv: [], rootfs: '/', mechanisms: process.getuid?.() === 0 ? [] : ['user'] })
  return names
    .filter((id) => !id.startsWith('.') && !known.has(id) && !readKept(join(folder, id)))
    .map((id) => ({
      what: `the changes of container ${id}`,
      remove: () => removeTree(join(folder, id), asRoot),
    }))
}

function strayLinks(): Leftover[] {
  const there = () => readdirSync('/sys/class/net').filter((name) => LINK.test(name) && !isUsed(name))
  return there().map((name) => ({
    what: `network link ${name}`,
    // The other end of a pair may have taken it along, or the cleanup of a container.
    remove: () => runUnlessGone(['ip', 'link', 'delete', name], () => !there().includes(name)),
  }))
}

function strayTables(): Leftover[] {
  const there = () =>
    (spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '')
      .split('\n')
      .filter((line) => TABLE.test(line.split(' ').at(-1) ?? '') && !isUsed(line))
  return there().map((table) => ({
    what: `firewall ${table}`,
    remove: () => runUnlessGone(['nft', 'delete', ...table.split(' ')], () => !there().includes(table)),
  }))
}

function runUnlessGone([program = '', ...args]: string[], gone: () => boolean): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0 && !gone()) throw new Error(stderr.trim())
}

/** Temporary folders, and halves of a root file system that somebody was building. */
function strayFiles(): Leftover[] {
  const rootfs = join(project, '.workshop', 'rootfs')
  const places: [folder: string, name: RegExp][] = [
    [tmpdir(), NAME],
    ['/run', NAME],
    [dirname(rootfs), /^(rootfs.*\.(new|old)-\d+|starters-.*)$/],
  ]
  const found = places.flatMap(([folder, pattern]) =>
    isWritable(folder)
      ? readdirSync(folder)
          .filter((name) => pattern.test(name))
          .map((name) => join(folder, name))
      : [],
  )
  return found.map((path) => ({ what: path, remove: () => rmSync(path, { recursive: true, force: true }) }))
}

/** In a lab the project is read-only: what lies there is the host's. */
function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false // or it is not there
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // gone meanwhile
  }
}
