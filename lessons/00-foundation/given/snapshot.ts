/*
 * What a host is like, as far as a container that leaks could have changed it: taken before, compared after.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from './labs.ts'
import { seconds } from './patience.ts'

/** How a host was at one moment. */
export interface Snapshot {
  host: Lab
  facts: Map<string, string[]>
}

interface Fact {
  /** A command that prints it, a line for each thing. */
  look: string
  /** The man page that says to whom it belongs. */
  see: string
  /** The kernel takes its time to forget it: it waits for all who may still look. */
  lingers?: boolean
}

const FACTS: Record<string, Fact> = {
  'host name': { look: 'cat /proc/sys/kernel/hostname', see: 'uts_namespaces(7)' },
  'NIS domain name': { look: 'cat /proc/sys/kernel/domainname', see: 'uts_namespaces(7)' },
  mounts: { look: "cut -d ' ' -f 4-6 /proc/self/mountinfo", see: 'mount_namespaces(7)' }, // root, target, options
  devices: { look: 'ls /dev', see: 'mount_namespaces(7)' },
  terminals: { look: 'ls /dev/pts', see: 'pts(4)', lingers: true },
  'shared memory': { look: 'ls /dev/shm', see: 'mount_namespaces(7)' },
  'message queues': { look: 'ls /dev/mqueue', see: 'ipc_namespaces(7)' },
  'IPC objects': { look: `sed -E 's/^ *(\\S+ +\\S+).*/\\1/' /proc/sysvipc/*`, see: 'ipc_namespaces(7)' }, // key, id
  'IPC limits': { look: 'grep "" /proc/sys/kernel/shm* /proc/sys/fs/mqueue/*', see: 'ipc_namespaces(7)' },
  'network links': { look: 'ls /sys/class/net', see: 'network_namespaces(7)', lingers: true },
  firewall: { look: 'nft list tables', see: 'network_namespaces(7)', lingers: true },
  'IP forwarding': { look: 'cat /proc/sys/net/ipv4/ip_forward', see: 'network_namespaces(7)', lingers: true },
  cgroups: { look: "find /sys/fs/cgroup -writable -name 'workshop-*'", see: 'cgroups(7)', lingers: true },
  orphans: { look: 'ps --ppid 1 -o pid=,args=', see: 'pid_namespaces(7)', lingers: true },
}

/** Looks at a lab. What belongs to a container counts, too: take both looks while it runs, or both while it does not. */
export async function snapshot(host: Lab): Promise<Snapshot> {
  const script = Object.entries(FACTS).map(([name, { look }]) => `echo '== ${name}'; ${look} 2> /dev/null`)
  const { stdout, stderr } = await host.exec(['sh', '-c', `${script.join('\n')}\ntrue`])
  if (!stdout || stderr) throw new Error(stderr.trimEnd())
  const parts = stdout.split(/^== /m).slice(1)
  const facts = parts.map((part): [string, string[]] => {
    const [name = '', ...lines] = part.split('\n').map((line) => line.trim())
    return [name, lines.filter(Boolean)]
  })
  return { host, facts: new Map(facts) }
}

/** What has become different since: in words, and where to read about it. Empty when all is as it was. */
export async function changesSince(before: Snapshot): Promise<{ words: string; see: string }[]> {
  for (const deadline = Date.now() + seconds(2); ; ) {
    const changes = compare(before, await snapshot(before.host))
    if (!changes.every(({ lingers }) => lingers) || changes.length === 0 || Date.now() > deadline) return changes
    await sleep(50)
  }
}

function compare(before: Snapshot, after: Snapshot): (Fact & { words: string })[] {
  return Object.entries(FACTS).flatMap(([name, fact]) => {
    const [old = [], now = []] = [before.facts.get(name), after.facts.get(name)]
    const fresh = now.filter((line) => !old.includes(line)).join(', ')
    const gone = name === 'orphans' ? '' : old.filter((line) => !now.includes(line)).join(', ')
    if (!fresh && !gone) return []
    const words = fresh && gone ? `${fresh}, and was ${gone}` : fresh ? `${fresh}, which is new` : `${gone} is gone`
    return [{ ...fact, words: `${name}: ${words}` }]
  })
}
