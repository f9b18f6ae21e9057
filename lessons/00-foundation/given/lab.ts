/*
 * The lab: a throw-away host in which the learner's code plays root. It is itself a container, made by the engine and
 * the reference's mount steps, with this machine's own files to look at but not to write. When its pid 1 ends, all
 * that happened in it is gone: processes, mounts, names, links.
 *
 * What it cannot confine: the clock, block devices that one makes with mknod, and whatever else uid 0 may do to a
 * kernel that it shares. That is why the lab belongs into a VM.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { enterRoot, makePrivate, mountDev } from '../../../solutions/03-mount/mount.ts'
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SHARED,
  mount,
  PR_CAPBSET_DROP,
  prctl,
  sethostname,
  umount2,
} from './libc.ts'
import { loopbackUp } from './loopback.ts'
import type { Mechanism } from './mechanism.ts'
import { project } from './spec.ts'
import { readOnly } from './target.ts'

/** The folder that only the lab has. */
export const LAB = '/run/workshop'
/** A root for containers, writable: what they change is gone with the lab. */
export const LAB_ROOTFS = `${LAB}/rootfs`
/** What containers of images change, in a lab. It is on a tmpfs: overlayfs takes no overlay for its upper folder. */
export const LAB_CONTAINERS = `${LAB}/containers`

const unified = existsSync('/sys/fs/cgroup/cgroup.controllers')
const STAGE = '/tmp' // any folder serves to build the new root on; in the lab's own mount namespace nobody else sees it

export const lab: Mechanism = {
  name: 'lab',
  flags: CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | (unified ? CLONE_NEWCGROUP : 0),
  inside({ hostname, rootfs, privileges }) {
    sethostname(hostname)
    makePrivate()
    // Opened, they can be reached even when they lie below /tmp, which is about to be another.
    const needed = NEEDED.map((path) => ({ path, fd: openSync(path, 'r') }))
    const image = openSync(rootfs, 'r')
    mount('/', STAGE, null, MS_BIND | MS_REC, null)
    readOnly(STAGE)
    mountKernelFiles()
    mountDev(STAGE)
    if (existsSync('/dev/kvm')) showKvm() // for demo 00, which boots a virtual machine
    mkdirSync(`${STAGE}/dev/mqueue`)
    mount('mqueue', `${STAGE}/dev/mqueue`, 'mqueue', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
    mountWritable()
    for (const { path } of needed) hideClosedFolder(path)
    for (const { path, fd } of needed) if (!existsSync(STAGE + path)) show(path, fd)
    mountRootfs(image)
    for (const fd of [image, ...needed.map(({ fd }) => fd)]) closeSync(fd)
    shadowEtc()
    enterRoot(STAGE)
    mount(null, '/', null, MS_REC | MS_PRIVATE, null)
    mount(null, '/', null, MS_REC | MS_SHARED, null) // as on most hosts: a private root would hide a forgotten MS_PRIVATE
    loopbackUp()
    // A new network namespace has the setting of the machine's first one: where Docker runs, that is a router.
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
    for (const [name, capability] of Object.entries(DANGEROUS)) {
      if (!privileges.asked.includes(name)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    }
  },
}

/** What acts on the one kernel that all share: capabilities(7). A lab has it only where somebody asked. */
const DANGEROUS = { SYS_MODULE: 16, SYS_BOOT: 22, SYS_TIME: 25 }

/** /proc and /sys of the lab's own namespaces. Of /proc/sys only what a namespace owns may be written. */
function mountKernelFiles(): void {
  const plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
  for (const name of ['proc', 'sys', 'dev']) umount2(`${STAGE}/${name}`, MNT_DETACH) // the copies of the host's
  mount('proc', `${STAGE}/proc`, 'proc', plain, null)
  const sys = `${STAGE}/proc/sys`
  mount(sys, sys, null, MS_BIND, null)
  readOnly(sys)
  for (const name of OWNED) {
    if (!existsSync(`/proc/sys/${name}`)) continue
    mount(`${STAGE}/proc/sys/${name}`, `${sys}/${name}`, null, MS_BIND, null)
    writable(`${sys}/${name}`)
  }
  mount('sysfs', `${STAGE}/sys`, 'sysfs', plain | MS_RDONLY, null)
  if (!existsSync('/sys/fs/cgroup')) return
  mount('/sys/fs/cgroup', `${STAGE}/sys/fs/cgroup`, null, MS_BIND | MS_REC, null)
  readOnly(`${STAGE}/sys/fs/cgroup`)
}

const OWNED = [
  'net', // net
  ...['hostname', 'domainname'].map((name) => `kernel/${name}`), // uts
  ...['shmmax', 'shmall', 'shmmni', 'sem', 'msgmax', 'msgmnb', 'msgmni'].map((name) => `kernel/${name}`), // ipc
  'fs/mqueue', // ipc
]

function writable(path: string): void {
  mount(null, path, null, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
}

function showKvm(): void {
  writeFileSync(`${STAGE}/dev/kvm`, '')
  mount('/dev/kvm', `${STAGE}/dev/kvm`, null, MS_BIND, null)
}

function mountWritable(): void {
  mount('run', `${STAGE}/run`, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
  mount('tmp', `${STAGE}/tmp`, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=1777')
  mkdirSync(STAGE + LAB_ROOTFS, { recursive: true })
  for (const folder of ['lock', 'upper', 'work', 'etc', 'proc']) mkdirSync(`${STAGE}${LAB}/${folder}`)
  // An unprivileged container may mount a procfs only where it sees a full one already, and the one at /proc has
  // parts of it covered: user_namespaces(7), proc_pid_mounts.
  mount('proc', `${STAGE}${LAB}/proc`, 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
}

/** Folders of the host that a lab works with: the project, its packages, and Node. */
const NEEDED = [project, realpathSync(`${project}/node_modules`), dirname(realpathSync(process.execPath))]

/** Such a folder may lie in one that is closed to all but root, as root's home is, and a lab has other users (lesson 07). */
function hideClosedFolder(path: string): void {
  const names = dirname(path).split('/').filter(Boolean)
  const above = names.map((_, i) => `/${names.slice(0, i + 1).join('/')}`)
  const closed = above.find((folder) => existsSync(STAGE + folder) && (statSync(STAGE + folder).mode & 0o001) === 0)
  if (closed) mount('open', STAGE + closed, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
}

/** Shows such a folder again, where the lab's own /tmp or /run hides it. */
function show(path: string, fd: number): void {
  mkdirSync(STAGE + path, { recursive: true })
  mount(`/proc/self/fd/${fd}`, STAGE + path, null, MS_BIND | MS_REC, null)
  readOnly(STAGE + path)
}

/** Copies of the files in /etc that a lesson may write. */
function shadowEtc(): void {
  for (const name of ['hostname', 'hosts', 'resolv.conf', 'passwd', 'group', 'subuid', 'subgid']) {
    if (!existsSync(`/etc/${name}`)) continue
    const copy = `${STAGE}${LAB}/etc/${name}`
    writeFileSync(copy, readFileSync(`/etc/${name}`))
    mount(copy, `${STAGE}/etc/${name}`, null, MS_BIND, null)
  }
}

/** The root for containers, with a layer above it that takes what they write. */
function mountRootfs(image: number): void {
  const [upper, work] = ['upper', 'work'].map((name) => `${STAGE}${LAB}/${name}`)
  const layers = `lowerdir=/proc/self/fd/${image},upperdir=${upper},workdir=${work}`
  mount('rootfs', STAGE + LAB_ROOTFS, 'overlay', 0, layers)
}
