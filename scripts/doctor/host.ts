import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { project } from '../lib/lessons.ts'
import { isVirtual } from '../lib/machine.ts'
import { find } from '../vm/tools.ts'

/** What the doctor looks at, so that tests can show him another machine. */
export interface Host {
  platform: NodeJS.Platform
  uid: number
  /** Node's own version, such as `v26.10.0`. */
  node: string
  virtual: boolean
  /** A file's text without the line end; nothing where it cannot be read. */
  read(file: string): string | undefined
  exists(file: string): boolean
  find(program: string): string | undefined
  /** What a program prints; nothing where it fails. */
  ask(program: string, ...args: string[]): string | undefined
  /** Gigabytes left where the project lies. */
  free(): number
}

export const thisHost: Host = {
  platform: process.platform,
  uid: process.getuid?.() ?? 0,
  node: process.version,
  virtual: process.platform === 'linux' && isVirtual(),
  read(file) {
    try {
      return readFileSync(file, 'utf8').trimEnd()
    } catch {
      return undefined
    }
  },
  exists: existsSync,
  find,
  ask(program, ...args) {
    const env = { ...process.env, VAGRANT_CHECKPOINT_DISABLE: '1' }
    const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', cwd: project, env, timeout: 60_000 })
    return status === 0 ? stdout.trim() : undefined
  },
  free() {
    const { bavail, bsize } = statfsSync(join(project))
    return (bavail * bsize) / 1e9
  },
}
