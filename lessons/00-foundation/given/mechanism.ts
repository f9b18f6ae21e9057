import type { Privileges } from './capabilities/privileges.ts'
import type { Limits } from './cgroups/limits.ts'
import type { Call } from './clone.ts'
import type { Size } from './console.ts'
import type { Network } from './net/network.ts'
import type { Union } from './union.ts'
import type { Ids } from './user/ids.ts'

/** A folder of the host that the container gets to see: `--volume source:target[:ro]`. */
export interface Volume {
  source: string
  target: string
  /** What the source is; the target is made as the same. */
  kind: 'folder' | 'file'
  readonly: boolean
}

/** What one asks of a container. Plain data: it travels from the parent to the init as JSON. */
export interface Spec {
  id: string
  /** What people and other containers call it. */
  name: string
  /** The folder that becomes `/`, absolute. */
  rootfs: string
  /** What is mounted there first: layers of an image, and one for the container's changes. Lesson 10. */
  union?: Union
  argv: string[]
  env: Record<string, string>
  cwd: string
  hostname: string
  domainname: string
  volumes: Volume[]
  /** The names of its mechanisms, in order: some do more, or less, beside another. */
  mechanisms: string[]
  /** A terminal of its own, so large: `--tty`. Lesson 11. */
  terminal?: Size
  /** Keep an init as pid 1 that forwards signals and reaps: `--init`. */
  init: boolean
  /** Lesson 06. */
  network: Network
  /** Lesson 07. */
  ids: Ids
  /** Lesson 08. */
  limits: Limits
  /** Lesson 09. */
  privileges: Privileges
}

/** A running container. Plain data too, so that another process can clean up after this one died. */
export interface Container {
  id: string
  /** Its first process, as this host numbers it. */
  pid: number
  spec: Spec
}

/** One lesson's worth of a container. */
export interface Mechanism {
  name: string
  /** CLONE_NEW… for clone(2); 0 where the mechanism is no namespace, or is entered later. */
  flags: number
  /** Parent side, while the init boots: what would take long later. */
  meanwhile?(container: Container): void
  /** Parent side, while the child waits: uid maps, a veth pair, a cgroup. */
  outside?(container: Container): void
  /** What the child calls before its first execve(2), once a user namespace has its maps. It runs no JavaScript then. */
  early?(): Call[]
  /** Child side, as its own root, before execve(2): mount, sethostname, drop capabilities. */
  inside?(spec: Spec): void
  /** Comes before a SIGKILL of ours, for what would keep the container from dying of it. */
  beforeKill?(container: Container): void
  /** Undoes `outside`. Safe to call twice, and from another process. */
  cleanup?(container: Container): void
}

export { notWritten } from './tasks.ts'
