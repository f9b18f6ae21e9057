import { readFileSync } from 'node:fs'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { leases } from '#given/net/leases.ts'
import { mounts, namespaces, status } from '#given/proc.ts'
import type { Entry } from '#given/running.ts'
import { logFile } from '../../lessons/11-box/given/log.ts'
import type { Box } from './boxes.ts'

/** What `box inspect` says of a container. */
export function inspected(box: Box, image: string) {
  const { id, name, spec, created, state, kept } = box
  const { argv, env, cwd, hostname, domainname, union, rootfs, volumes, limits, mechanisms, network } = spec
  return {
    ...{ id, name, created, image, foreground: !kept },
    state: {
      ...{ status: state.status, since: state.since, exitCode: state.exitCode ?? null },
      pid: state.entry?.container.pid ?? null,
      supervisor: state.entry?.engine.pid ?? null,
    },
    ...{ command: argv, env, cwd, hostname, domainname, init: spec.init, terminal: spec.terminal ?? null },
    root: { layers: union?.lower ?? [rootfs], changes: union?.upper ?? null },
    ...{ volumes, limits, mechanisms, ids: mechanisms.includes('user') ? spec.ids : null },
    network: { mode: mechanisms.includes('net') ? network.mode : 'host', ports: network.ports, ...addressOf(id) },
    ...(kept ? { log: logFile(kept), remove: kept.remove, stopSignal: kept.stopSignal ?? 'SIGTERM' } : {}),
    kernel: state.entry ? ofKernel(state.entry) : null,
  }
}

function addressOf(id: string) {
  const lease = leases().find((one) => one.id === id)
  if (!lease) return { address: null }
  const { address, prefix, gateway, mac, cable } = lease
  return { address, prefix, gateway, mac, cable }
}

/** What the kernel says of its first process; null where that has just ended. */
function ofKernel({ container: { pid } }: Entry) {
  try {
    return {
      namespaces: namespaces(pid),
      cgroups: cgroupsOf(pid),
      capabilities: {
        effective: names(status(pid, 'CapEff')),
        bounding: names(status(pid, 'CapBnd')),
      },
      noNewPrivs: status(pid, 'NoNewPrivs') === '1',
      seccomp: status(pid, 'Seccomp') !== '0',
      mounts: mounts(pid).map(({ target, type, source, options }) => ({ target, type, source, options })),
    }
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as { code?: string }).code ?? '')) return null
    throw error
  }
}

/** Lines of `number:controllers:path`; v2's has neither number nor controllers: cgroups(7). */
function cgroupsOf(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trimEnd().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const [, controllers = '', ...path] = line.split(':')
      return [controllers || 'unified', path.join(':')]
    }),
  )
}

const names = (mask = '0') => CAPABILITIES.filter((_, bit) => (BigInt(`0x${mask}`) >> BigInt(bit)) & 1n)
