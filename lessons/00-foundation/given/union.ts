/*
 * A container's root as a union of folders: layers that are only read, and one that takes what the container changes.
 * Lesson 10 mounts it; here is what one has to know of it before, and what is left to do after.
 */
import { UsageError } from './errors.ts'
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
} from './fs.ts'
import type * as Idmapped from './idmapped.ts'
import { bind } from './libc.ts'
import type { Container, Spec } from './mechanism.ts'
import type { Order } from './run.ts'
import type { Ids } from './user/ids.ts'

/** What overlayfs is told. The names are its own. */
export interface Union {
  /** Folders, the lowest first, as an image lists its layers. Nobody writes to them. */
  lower: string[]
  /** What the container changes goes here. */
  upper: string
  /** A folder on the same file system, empty, for overlayfs itself. */
  work: string
  /** More options of overlayfs. */
  options: string[]
  /** The folder of this container, which has `upper`, `work` and the root in it. */
  folder: string
  /** Leave `upper` when the container has ended: somebody makes a layer of it. */
  keep: boolean
  /** Folders, with layers in them, whose owners are to be those of the container's user namespace: idmapped.ts. */
  idmapped: string[]
}

/**
 * Where containers keep what they change. In a lab that is a place of its own: little else there can be written. And
 * overlayfs takes no upper folder on another overlay, such as the root of a machine that is itself a container.
 */
export function containersFolder(): string {
  const uid = process.getuid?.() ?? 0
  if (uid === 0 && existsSync(LAB)) return `${LAB}/containers`
  const store = storeFolder()
  return isOnOverlay(store) ? `/dev/shm/workshop-containers-${uid}` : `${store}/containers`
}

const OVERLAYFS_SUPER_MAGIC = 0x794c7630

/** Does this folder, or where it will be made, lie on an overlay? */
function isOnOverlay(path: string): boolean {
  for (let there = path; there !== ''; there = dirname(there)) {
    if (existsSync(there)) return statfsSync(there).type === OVERLAYFS_SUPER_MAGIC
  }
  return statfsSync('/').type === OVERLAYFS_SUPER_MAGIC
}

const LAB = '/run/workshop' // as in lab.ts, which a container need not load

/** Where images and their containers lie: root's for the machine, and each user's own. WORKSHOP_IMAGES overrules. */
export function storeFolder(env = process.env, uid = process.getuid?.() ?? 0): string {
  if (env.WORKSHOP_IMAGES) return process.getBuiltinModule('node:path').resolve(env.WORKSHOP_IMAGES)
  if (uid === 0) return '/var/lib/container-workshop'
  return `${env.XDG_DATA_HOME || `${env.HOME || ''}/.local/share`}/container-workshop`
}

interface Wish {
  /** Leave what the container changed. */
  keep?: boolean
  /** It has a user namespace. */
  userns?: boolean
  /** Which has no numbers for the owners of what lies in these folders, layers among it. */
  idmapped?: string[]
  /** Where folders of containers lie. */
  containers?: string
}

/** The root of a container that is a union: what its spec is to say. */
export function unionOf(id: string, lower: string[], wish: Wish = {}): { rootfs: string; union: Union } {
  const { keep = false, userns = false, idmapped = [], containers = containersFolder() } = wish
  const folder = `${containers}/${id}`
  const options = [
    // Root of a user namespace may not write trusted.*, where overlayfs keeps its notes: then it takes user.*
    ...(userns ? ['userxattr'] : ['redirect_dir=off']), // a renamed folder is copied: its note would say where it was
    ...(keep ? [] : ['volatile']), // no sync of what is thrown away
  ]
  return {
    rootfs: `${folder}/root`,
    union: { lower, upper: `${folder}/upper`, work: `${folder}/work`, options, folder, keep, idmapped },
  }
}

/**
 * Can these folders be the layers of a container with these ids? Copied up, a file keeps its owner: one who has no
 * number in the container's user namespace cannot be given the copy.
 */
export function canBeLayers(lower: string[], mechanisms: string[], { uids }: Ids): boolean {
  if (!mechanisms.includes('user')) return true
  const owners = lower.map((folder) => statSync(folder).uid)
  return owners.every((uid) => uids.some(({ outside, count }) => uid >= outside && uid < outside + count))
}

/** Where a file of the image is now, while the container is not there yet: in the uppermost layer that has it. */
export function inLayers({ rootfs, union }: Spec, path: string): string {
  const layers = union ? [...union.lower].reverse() : [rootfs]
  const found = layers.find((layer) => lstatSync(layer + path, { throwIfNoEntry: false }))
  return (found ?? layers[0] ?? rootfs) + path
}

const chown = bind('int chown(const char *pathname, uid_t owner, gid_t group)')

/**
 * Makes new folders the container's. The root of a union has the owner and the permissions of its upper folder, and the
 * container's root has another number outside where it has a user namespace.
 */
export function giveToContainer({ pid, spec: { mechanisms, ids, union } }: Container, folders: string[]): void {
  const missing = folders.find((folder) => !existsSync(folder))
  if (missing) throw new UsageError(`there is no folder ${missing}: makeFolders() makes it`, 125)
  if (union) chmodSync(dirname(union.folder), 0o711) // setuid programs of images are not for the users of the host
  for (const folder of folders) chmodSync(folder, 0o755) // whatever the umask says
  const [uid, gid] = [ids.uids, ids.gids].map((ranges) => ranges.find(({ inside }) => inside === 0)?.outside)
  if (!mechanisms.includes('user') || uid === undefined || gid === undefined) return
  for (const folder of folders) if (statSync(folder).uid !== uid) chown(folder, uid, gid)
  if (union && union.idmapped.length > 0) load<typeof Idmapped>('./idmapped.ts').giveOwners(pid, union.idmapped)
}

/** Loads a module at once, which most containers do not need. */
function load<T>(file: string): T {
  return process.getBuiltinModule('node:module').createRequire(import.meta.url)(file) as T
}

const dirname = (path: string) => path.slice(0, path.lastIndexOf('/'))

const lgetxattr = bind('ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)')
/** xattr(7): there is none, or the file system or the caller can have none. */
const NONE = ['ENODATA', 'EOPNOTSUPP', 'EPERM']

/** An extended attribute of a file, or of the symbolic link itself; undefined where it has none of that name. */
function attribute(path: string, name: string): string | undefined {
  const value = Buffer.alloc(64)
  try {
    return value.toString('latin1', 0, lgetxattr(path, name, value, value.length))
  } catch (error) {
    if (NONE.includes((error as { code?: string }).code ?? '')) return undefined
    throw error
  }
}

/** Has overlayfs marked this folder of an upper layer as opaque? Then what lies below it in other layers is not seen. */
export function isOpaque(folder: string): boolean {
  return ['trusted', 'user'].some((kind) => attribute(folder, `${kind}.overlay.opaque`) === 'y')
}

const PAGE = 4096 // bytes: mount(2) takes that much of `data`, the final zero among them
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000

/**
 * Lends the layers shorter names where their own do not fit into one page: /proc/self/fd/N of an open folder. A digest
 * alone has 64 digits, and an image may have a hundred layers.
 */
export function withShortNames(union: Union, use: (union: Union) => void): void {
  const { lower, upper, work, options } = union
  const length = [...lower, upper, work, ...options].reduce((sum, text) => sum + 2 * Buffer.byteLength(text), 0)
  // Twice, since each letter may need an escape.
  if (length + 100 < PAGE) {
    use(union)
    return
  }
  const fds = lower.map((folder) => openSync(folder, O_PATH | O_CLOEXEC))
  try {
    use({ ...union, lower: fds.map((fd) => `/proc/self/fd/${fd}`) })
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

/**
 * Removes a folder with all that is in it, of whomever it is. In a user namespace a container has files of users that its
 * caller is not, and he cannot remove them; a process with the same ids can.
 *
 * @throws {Error} where it cannot be removed, such as one on which something is mounted here, too: rmdir(2), EBUSY
 */
export function removeTree(folder: string, spec: Spec): void {
  try {
    if (spec.union) open(spec.union)
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // Somebody else's, closed, or deeper than a path can name: rm(1) goes down step by step.
    if (!existsSync(folder)) return
    refuseMounted(folder)
    runAs(spec, ['/bin/rm', '-rf', '--', folder])
  }
}

/** A mount of the container that went to the host as well keeps its folder busy: rmdir(2). */
function refuseMounted(folder: string): void {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  const point = points.find((path) => `${path}/`.startsWith(`${folder}/`))
  if (point) throw new Error(`the host still has the mount on ${point}: ${PRIVATE_FIRST}`)
}

const PRIVATE_FIRST = 'make all mounts private first (10.4), mount_namespaces(7)'

/** overlayfs makes folders in `work` that have no permissions. Their owner may give himself some, and then remove them. */
function open({ work }: Union): void {
  for (const folder of ['work', 'work/incompat', 'work/incompat/volatile']) {
    const path = `${work}/${folder}`
    if (process.getuid?.() !== 0 && existsSync(path)) chmodSync(path, 0o700)
  }
}

/** Runs a program as root of the container's user namespace, where it has one: a container that is nothing but that. */
function runAs(spec: Spec, argv: string[]): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const [program = '', ...args] = spec.mechanisms.includes('user') ? withIds(spec, argv) : argv
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`${argv.join(' ')}: ${stderr.trim()}`)
}

function withIds(spec: Spec, argv: string[]): string[] {
  const file = (path: string) => new URL(path, import.meta.url).pathname
  const { union: _, ...rest } = spec
  const id = `${spec.id}-rm`
  const order: Order = {
    spec: {
      ...{ ...rest, id, name: id, argv, rootfs: '/', cwd: '/', init: false, volumes: [] },
      network: { mode: 'none', subnet: '', ports: [] },
      mechanisms: ['user', 'lab'], // as of a lab, nobody is told of it: running.ts
    },
    layers: [{ name: 'user', file: file('../../../solutions/07-user/user.ts') }],
  }
  return [process.execPath, '--no-warnings', file('run.ts'), JSON.stringify(order)]
}
