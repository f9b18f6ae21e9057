import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Where a subject is measured: a folder that nobody has used before, so that no tool finds what another one left. */
export interface Place {
  folder: string
  /** The root file system that all containers have. */
  rootfs: string
  /** To be done at the end, the last first. */
  atEnd(work: () => void | Promise<void>): void
}

/** Does something in a new place, which is gone afterwards. */
export async function inPlace<T>(rootfs: string, body: (place: Place) => Promise<T>): Promise<T> {
  await using end = new AsyncDisposableStack()
  const before = traces()
  end.defer(() => remove(traces().filter((path) => !before.includes(path))))
  const folder = mkdtempSync('/var/tmp/workshop-bench-') // on a disk, where layers usually lie, and not in memory
  chmodSync(folder, 0o711) // root of a user namespace comes by as somebody else
  end.defer(() => rmSync(folder, { recursive: true, force: true }))
  return await body({ folder, rootfs, atEnd: (work) => end.defer(work) })
}

/** What the tools of others leave on a machine whatever one tells them. */
const TRACES = ['docker', 'containerd', 'libpod', 'containers', 'runc', 'crun'].map((name) => `/run/${name}`)
const CGROUPS = ['docker', 'libpod_parent']

function traces(): string[] {
  const cgroups = ['', ...readdirSync('/sys/fs/cgroup')].flatMap((tree) =>
    CGROUPS.map((name) => join('/sys/fs/cgroup', tree, name)),
  )
  return [...TRACES, '/etc/docker/key.json', '/var/lib/cni', ...cgroups].filter((path) => existsSync(path))
}

/** A cgroup is removed with rmdir(2), and not while somebody is in it. */
function remove(paths: string[]): void {
  for (const path of paths) {
    if (path.startsWith('/sys')) rmdirSync(path)
    else rmSync(path, { recursive: true })
  }
}

/**
 * The root file system as a tar, made when it is asked for first.
 *
 * @throws {Error} with what tar says
 */
export function rootTar({ folder, rootfs }: Place): string {
  const tar = join(folder, 'root.tar')
  if (existsSync(tar)) return tar
  const { status, stderr } = spawnSync('tar', ['-C', rootfs, '-cf', tar, '.'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`tar: ${stderr.trim()}`)
  return tar
}
