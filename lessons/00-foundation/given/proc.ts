/*
 * Readers of /proc: what the kernel says of a process. All of it is text; proc(5) describes the files.
 */
import { readdirSync, readFileSync, readlinkSync } from './fs.ts'

/** The eight kinds of namespace, by the names of their links in /proc/<pid>/ns: namespaces(7). */
export const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const
export type Namespace = (typeof NAMESPACES)[number]

/** A process as this /proc numbers it. */
export type Pid = number | 'self'

/**
 * The namespaces of a process, each as the kernel names it: `uts:[4026531838]`.
 *
 * @throws ENOENT when there is no such process, EACCES when you may not look (ptrace(2), "access mode checking")
 */
export function namespaces(pid: Pid): Record<Namespace, string> {
  const read = (name: Namespace) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)]
  return Object.fromEntries(NAMESPACES.map(read))
}

/** A line of /proc/<pid>/status, such as `NSpid` or `CapEff`, without its name. */
export function status(pid: Pid, field: string): string | undefined {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
  return lines
    .find((line) => line.startsWith(`${field}:`))
    ?.slice(field.length + 1)
    .trim()
}

/** Every process that this /proc shows, in ascending order. */
export function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

export interface Mount {
  id: number
  parent: number
  /** The folder of the mounted file system that forms its root; not `/` for a bind mount. */
  root: string
  target: string
  options: string[]
  /** `shared:1`, `master:2`, … ; empty means private. */
  propagation: string[]
  type: string
  source: string
  superOptions: string[]
}

/**
 * The mounts that a process sees: /proc/<pid>/mountinfo, proc_pid_mountinfo(5).
 *
 * A line reads `36 35 98:0 /root /target rw,noatime master:1 - ext4 /dev/sda1 rw`: the optional fields before the dash
 * are why it cannot be split by position alone.
 */
export function mounts(pid: Pid = 'self'): Mount[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trimEnd().split('\n').filter(Boolean).map(parseMount)
}

function parseMount(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ')
  const [id, parent, , root = '', target = '', options = '', ...propagation] = left.split(' ')
  const [type = '', source = '', superOptions = ''] = right.split(' ')
  return {
    id: Number(id),
    parent: Number(parent),
    root: unescapeOctal(root),
    target: unescapeOctal(target),
    options: options.split(','),
    propagation,
    type,
    source: unescapeOctal(source),
    superOptions: superOptions.split(','),
  }
}

/** The kernel writes a space in a path as `\040`, and likewise tab, newline and backslash. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
