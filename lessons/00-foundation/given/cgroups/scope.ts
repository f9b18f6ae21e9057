/*
 * Under systemd the tree of cgroups is systemd's, and each group has one writer. Who wants some of his own asks for a
 * scope with Delegate=yes: a group that systemd makes, leaves alone, and removes when its last process has ended. So
 * nothing is left even of an engine that was killed.
 *
 *     system.slice/workshop-ID.scope      systemd's
 *       engine                            we; a group with controllers below it may have no process itself (v2)
 *       workshop-ID                       the container
 *
 * systemd.scope(5), systemd.resource-control(5) "Delegate=", https://systemd.io/CGROUP_DELEGATION
 */
import { UsageError } from '../errors.ts'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from '../fs.ts'
import { seconds } from '../patience.ts'
import { wait } from './configure.ts'
import { forgetParents } from './hierarchies.ts'

/** Moves this process, and the container's first, to a scope of their own. */
export function moveToScope(id: string, pid: number): void {
  const scope = `workshop-${id}.scope`
  if (inScope(scope, process.pid)) return
  const both = [process.pid, pid]
  askFor(scope, both)
  // systemd moves one after the other. Whoever is moved on before his turn would be moved back.
  for (const deadline = Date.now() + seconds(5); !both.every((one) => inScope(scope, one)); wait(2)) {
    if (Date.now() > deadline) throw new UsageError(`systemd did not make ${scope}: journalctl -b -u ${scope}`, 125)
  }
  const path = unifiedPath()
  if (path && existsSync(`${path}/cgroup.controllers`)) {
    mkdirSync(`${path}/engine`)
    for (const one of both) writeFileSync(`${path}/engine/cgroup.procs`, String(one))
  }
  forgetParents()
}

/** By way of the message bus: busctl(1), org.freedesktop.systemd1(5). */
function askFor(scope: string, pids: number[]): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const manager = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager']
  const properties = ['3', 'PIDs', 'au', String(pids.length), ...pids.map(String), 'Delegate', 'b', 'true']
  const { status, stderr, error } = spawnSync(
    'busctl',
    [
      process.getuid?.() === 0 ? '--system' : '--user',
      ...['call', '--quiet', ...manager, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', scope, 'fail'],
      ...[...properties, 'CollectMode', 's', 'inactive-or-failed', '0'],
    ],
    { encoding: 'utf8' },
  )
  if (status === 0) return
  throw new UsageError(`systemd gives the container no cgroup: ${error?.message ?? stderr.trim()}`, 125)
}

const inScope = (scope: string, pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/${scope}`)

function unifiedPath(): string | undefined {
  const own = readFileSync('/proc/self/cgroup', 'utf8').match(/^0::(.*)$/m)?.[1]
  return own && `/sys/fs/cgroup${own}`
}
