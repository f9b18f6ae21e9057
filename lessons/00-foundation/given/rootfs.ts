/*
 * A root for containers, without a download: this machine's own programs, with the libraries that they need.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { buildJail } from '../../../solutions/01-chroot/chroot.ts'
import { UsageError } from './errors.ts'
import type { Spec } from './mechanism.ts'
import { running } from './running.ts'
import { ROOTFS } from './spec.ts'

/** What a container should have to look around in, and busybox for the rest, where this machine has it. */
export const COMMANDS = [
  ...['sh', 'bash', 'busybox', 'env', 'true', 'false', 'echo', 'printf', 'test', 'sleep', 'yes', 'seq', 'date', 'sort'],
  ...[
    'ls',
    'cat',
    'head',
    'tail',
    'grep',
    'sed',
    'awk',
    'cut',
    'tr',
    'wc',
    'tee',
    'find',
    'stat',
    'readlink',
    'realpath',
  ],
  ...[
    'cp',
    'mv',
    'rm',
    'mkdir',
    'rmdir',
    'ln',
    'touch',
    'chmod',
    'chown',
    'dd',
    'df',
    'du',
    'pwd',
    'basename',
    'dirname',
  ],
  ...['ps', 'pstree', 'kill', 'pgrep', 'top', 'free', 'uptime', 'nproc', 'timeout', 'setsid', 'nohup', 'tty', 'stty'],
  ...['hostname', 'uname', 'domainname', 'id', 'whoami', 'groups', 'chroot', 'unshare', 'nsenter', 'lsns', 'capsh'],
  ...['mount', 'umount', 'findmnt', 'mountpoint', 'mknod', 'ip', 'ss', 'ping', 'getent', 'ipcs', 'ipcmk', 'ipcrm'],
]

export { ROOTFS }

/**
 * Builds the root file system unless it is there already, and returns its path. Where this machine's programs have
 * changed since, it is built anew. It appears all at once: a killed build leaves none, and two at a time leave one.
 */
export function ensureRootfs({ force = false } = {}): string {
  const programs = COMMANDS.flatMap((name) => which(name) ?? [])
  const stamp = fingerprint(programs)
  const stampFile = `${ROOTFS}.stamp`
  const fresh = existsSync(ROOTFS) && stampIn(stampFile) === stamp
  if (fresh && !force) return ROOTFS
  const users = usersOf(ROOTFS)
  if (users.length > 0 && !force) return ROOTFS // as it was: better than none
  refuseUsed(ROOTFS)
  rmSync(stampFile, { force: true })
  install(ROOTFS, (folder) => fill(folder, programs))
  writeFileSync(stampFile, stamp)
  return ROOTFS
}

/**
 * Refuses where containers run that have this folder as their root, or a layer of it: it would be gone under their feet.
 *
 * @throws {UsageError} with their names
 */
export function refuseUsed(folder: string): void {
  const users = usersOf(folder)
  if (users.length === 0) return
  const names = users.join(' ')
  throw new UsageError(`${folder} is the root of what runs: ${names}\n  npm run box -- stop ${names} first`, 1)
}

function usersOf(folder: string): string[] {
  const uses = ({ rootfs, union }: Spec) => rootfs === folder || union?.lower.includes(folder) === true
  return running().flatMap(({ container: { spec } }) => (uses(spec) ? [spec.name] : []))
}

/** What a root was made of; undefined where there is none, or another build has just taken it away. */
function stampIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    return undefined
  }
}

/** What a root file system is made of. */
function fingerprint(programs: string[]): string {
  const hash = createHash('sha256')
  for (const file of programs) {
    const { size, mtimeMs } = statSync(file)
    hash.update(`${file} ${size} ${mtimeMs}\n`)
  }
  return `host ${hash.digest('hex')}`
}

/**
 * Puts a folder in its place, in one step and only when it is complete.
 *
 * @param make fills it. If it throws, what is in place stays
 */
export function install(target: string, make: (folder: string) => void): void {
  const folder = `${target}.new-${process.pid}`
  const old = `${target}.old-${process.pid}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    make(folder)
    for (let tries = 0; !tryRename(folder, target); tries++) {
      if (tries === 10) throw new Error(`${target} cannot be replaced: others do so at the same time, again and again`)
      rmSync(old, { recursive: true, force: true }) // before, so that the place is empty for a moment only
      tryRename(target, old)
    }
  } finally {
    for (const rest of [folder, old]) rmSync(rest, { recursive: true, force: true })
  }
}

/** False where something is in the way, or gone: another install at the same time. */
function tryRename(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as { code?: string }).code ?? '')) return false
    throw error
  }
}

/** Fills a folder with a few of this machine's commands, and with what every root has: for who needs no more of one. */
export function smallRoot(folder: string, commands: string[]): void {
  fill(
    folder,
    commands.flatMap((name) => which(name) ?? []),
  )
}

function fill(root: string, programs: string[]): void {
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', folder), { recursive: true })
    symlinkSync(`usr/${folder}`, join(root, folder)) // as today's distributions do
  }
  for (const folder of [
    'dev',
    'proc',
    'sys',
    'etc',
    'root',
    'run',
    'tmp',
    'home',
    'mnt',
    'srv',
    'var/tmp',
    'usr/local',
  ]) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  chmodSync(join(root, 'tmp'), 0o1777)
  chmodSync(join(root, 'var/tmp'), 0o1777)
  chmodSync(join(root, 'root'), 0o700)
  buildJail(root, programs.map(behindLinks))
  for (const program of programs) link(root, program)
  const etc = (name: string, text: string) => writeFileSync(join(root, 'etc', name), text)
  etc('passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n')
  etc('group', 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n')
  etc('hosts', '127.0.0.1 localhost\n::1 localhost\n')
  etc('resolv.conf', '') // the container's own is mounted here: lesson 06
  etc('nsswitch.conf', 'hosts: files dns\n')
  etc('os-release', 'NAME="The container workshop"\nID=workshop\nPRETTY_NAME="The container workshop\'s root"\n')
}

/** A program is often a link to another (sh to dash, awk over two links to mawk): keep the names, copy the file. */
function link(root: string, program: string): void {
  const file = behindLinks(program)
  if (file === program || existsSync(join(root, program))) return
  mkdirSync(dirname(join(root, program)), { recursive: true })
  symlinkSync(file, join(root, program))
}

/** The file that a path ends at, where its folders are taken as they are: /bin stays /bin. */
function behindLinks(path: string): string {
  return lstatSync(path).isSymbolicLink() ? realpathSync(path) : path
}

function which(command: string): string | undefined {
  const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return folders.map((folder) => `${folder}/${command}`).find((path) => existsSync(path))
}
