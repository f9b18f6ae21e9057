/*
 * What the workshop needs of a machine: a line each. There are two ways to work, on this machine or in its VM; what one
 * of them needs is no more than a remark where the other is used.
 */
import { NAMESPACES } from '#given/proc.ts'
import { boxFile } from '../vm/box.ts'
import { missing, TO_RUN, toBuild } from '../vm/tools.ts'
import type { Host } from './host.ts'

export type Verdict = 'ok' | 'warning' | 'missing'

export interface Finding {
  name: string
  verdict: Verdict
  said: string
  /** The command that mends it. */
  mend?: string
}

const CONTROLLERS = ['cpu', 'memory', 'pids', 'io', 'cpuset']
const OLDEST = [5, 12] // mount_setattr(2)
const NODE = 26
const ROOM = 3 // gigabytes: the box, its copy in Vagrant's folder, and what the machine writes

/** All lines, in the order in which one mends. */
export function examine(host: Host): Finding[] {
  return [platform, root, kernel, namespaces, sysctls, cgroups, node, programs, vagrant, qemu, box, disk].flatMap(
    (check) => check(host),
  )
}

const ok = (name: string, said: string): Finding => ({ name, verdict: 'ok', said })
const warning = (name: string, said: string, mend?: string): Finding => {
  return { name, verdict: 'warning', said, ...(mend ? { mend } : {}) }
}
const lack = (name: string, said: string, mend: string): Finding => ({ name, verdict: 'missing', said, mend })

/** Do the lessons run on this machine itself? */
const worksHere = (host: Host) => host.platform === 'linux' && host.virtual

/** Something that only one way of working needs. */
function needed(isNeeded: boolean, name: string, said: string, mend: string): Finding {
  return isNeeded ? lack(name, said, mend) : warning(name, said, mend)
}

function platform(host: Host): Finding[] {
  if (worksHere(host)) return [ok('machine', 'Linux, and itself a VM: the lessons run here')]
  const what = host.platform === 'linux' ? 'a real machine' : host.platform
  return [warning('machine', `${what}: the lessons run in the workshop's VM`, 'npm run vm -- up')]
}

function root(host: Host): Finding[] {
  if (!worksHere(host)) return []
  if (host.uid === 0) return [ok('root', 'you are root')]
  if (host.ask('sudo', '-n', 'true') !== undefined) return [ok('root', 'sudo asks for no password; commands use it')]
  return [warning('root', 'you are not, and sudo would ask', 'sudo -E env "PATH=$PATH" npm …')]
}

function kernel(host: Host): Finding[] {
  if (host.platform !== 'linux') return []
  const release = host.read('/proc/sys/kernel/osrelease') ?? ''
  const [major = 0, minor = 0] = release.split('.').map(Number.parseFloat)
  const [wantMajor = 0, wantMinor = 0] = OLDEST
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return [ok('kernel', release)]
  return [needed(worksHere(host), 'kernel', `${release}: too old, ${OLDEST.join('.')} at least`, 'npm run vm -- up')]
}

function namespaces(host: Host): Finding[] {
  if (host.platform !== 'linux') return []
  const absent = NAMESPACES.filter((kind) => !host.exists(`/proc/self/ns/${kind}`))
  if (absent.length > 0) {
    const said = `this kernel has no ${absent.join(', ')} namespace`
    return [needed(worksHere(host), 'namespaces', said, 'npm run vm -- up')]
  }
  const forbidden = NAMESPACES.filter((kind) => host.read(`/proc/sys/user/max_${kind}_namespaces`) === '0')
  if (forbidden.length === 0) return [ok('namespaces', `all eight: ${NAMESPACES.join(' ')}`)]
  const mend = `sudo sysctl -w ${forbidden.map((kind) => `user.max_${kind}_namespaces=10000`).join(' ')}`
  return [needed(worksHere(host), 'namespaces', `none may be made of ${forbidden.join(', ')}`, mend)]
}

/** The switches with which distributions keep users from making user namespaces: lesson 07. */
function sysctls(host: Host): Finding[] {
  if (host.platform !== 'linux') return []
  const switches = [
    ['kernel.unprivileged_userns_clone', '1', 'Debian keeps user namespaces for root'],
    ['kernel.apparmor_restrict_unprivileged_userns', '0', "Ubuntu's AppArmor takes a user namespace's capabilities"],
  ]
  const findings = switches.flatMap(([name = '', wanted = '', why = '']) => {
    const value = host.read(`/proc/sys/${name.replaceAll('.', '/')}`)
    if (value === undefined || value === wanted) return []
    return [warning('sysctls', `${name} is ${value}: ${why} (lesson 07)`, `sudo sysctl -w ${name}=${wanted}`)]
  })
  const apparmor = host.read('/sys/module/apparmor/parameters/enabled') === 'Y'
  const armour = ok('AppArmor', apparmor ? 'on' : 'off')
  return [...(findings.length > 0 ? findings : [ok('sysctls', 'users may make user namespaces')]), armour]
}

function cgroups(host: Host): Finding[] {
  if (host.platform !== 'linux') return []
  const v2 = host.read('/sys/fs/cgroup/cgroup.controllers')
  const v1 = (host.read('/proc/self/mountinfo') ?? '').includes(' - cgroup ')
  const version = v2 !== undefined ? 'v2' : v1 ? 'v1' : 'none'
  // blkio is what v2 calls io.
  const has = v2?.split(' ') ?? (host.read('/proc/cgroups') ?? '').replace('blkio', 'io').split(/\s/)
  const absent = CONTROLLERS.filter((name) => !has.includes(name))
  if (version === 'none') return [warning('cgroups', 'not mounted: lesson 08 wants them', 'npm run vm -- up')]
  if (absent.length === 0) return [ok('cgroups', `${version}, with ${CONTROLLERS.join(' ')}`)]
  return [warning('cgroups', `${version}, without ${absent.join(', ')}: lesson 08 wants them`, 'npm run vm -- up')]
}

function node(host: Host): Finding[] {
  const major = Number.parseInt(host.node.slice(1), 10)
  if (major >= NODE) return [ok('Node', `${host.node}, of the lockfile`)]
  return [lack('Node', `${host.node}: ${NODE} at least; the lockfile brings it`, 'npm ci')]
}

function programs(host: Host): Finding[] {
  if (!worksHere(host)) return []
  const said = host.ask(process.execPath, 'scripts/setup.mjs', '--missing')
  if (!said) return [ok('programs', 'all that the lessons call')]
  return [lack('programs', `missing: ${said.replaceAll('\n', ', ')}`, 'node scripts/setup.mjs')]
}

function vagrant(host: Host): Finding[] {
  const tools = missing({ vagrant: TO_RUN.vagrant, rsync: TO_RUN.rsync, ssh: TO_RUN.ssh }, host)
  if (tools) {
    const said = `missing: ${tools.programs.join(', ')}. They are for the VM`
    return [needed(!worksHere(host), 'Vagrant', said, tools.command)]
  }
  const version = host.ask('vagrant', '--version') ?? 'it does not start'
  const chosen = host.ask('vagrant', 'status', '--machine-readable', 'default')?.match(/provider-name,(\w+)/)?.[1]
  return [chosen ? ok('Vagrant', `${version}, with ${chosen}`) : warning('Vagrant', `${version}; vagrant status fails`)]
}

function qemu(host: Host): Finding[] {
  const { vagrant: _, rsync, ssh, ...own } = TO_RUN
  const [program = ''] = Object.keys(own)
  const tools = missing(own, host)
  if (tools) {
    const other = ['VBoxManage', 'prlctl', 'vmrun', 'virsh'].find((name) => host.find(name))
    const said = `missing: ${tools.programs.join(', ')}. ${other ? `${other} is there instead` : 'They are for the VM'}`
    return [needed(!worksHere(host) && !other, 'QEMU', said, tools.command)]
  }
  const version = host.ask(program, '--version')?.split('\n')[0] ?? program
  if (host.platform !== 'linux') return [ok('QEMU', version)]
  if (host.exists('/dev/kvm')) return [ok('QEMU', `${version}; /dev/kvm is there, and is tried when the VM starts`)]
  return [warning('QEMU', `${version}; no /dev/kvm, so it emulates: 20 to 100 times slower, and it works`)]
}

function box(host: Host): Finding[] {
  if (worksHere(host) && !host.find('vagrant')) return []
  const file = process.env.WORKSHOP_BOX ?? boxFile()
  if (host.exists(file) || file.includes('://')) return [ok('box', file)]
  const tools = host.platform === 'linux' ? missing(toBuild(host.uid), host) : undefined
  const said = tools ? `not built yet; that takes ${tools.programs.join(', ')}` : 'not built yet (a minute)'
  return [warning('box', said, tools ? tools.command : 'npm run vm -- box')]
}

function disk(host: Host): Finding[] {
  const free = host.free()
  const said = `${free.toFixed(1)} GB free`
  if (free >= ROOM) return [ok('disk', said)]
  const finding = free < 1 ? lack : warning
  return [finding('disk', `${said}: the VM takes ${ROOM}`, 'npm run vm -- destroy; rm -r .workshop/vm')]
}
