import { readdirSync, readlinkSync } from 'node:fs'
import { bind } from '#given/libc.ts'
import { NAMESPACES, type Namespace, type Pid } from '#given/proc.ts'

const getdomainnameC = bind('int getdomainname(char *name, size_t len)')
const LONGEST = 64 // __NEW_UTS_LEN in the kernel's headers, the NUL not counted

/** The NIS domain name of the UTS namespace that we are in; `(none)` where nobody has set one: getdomainname(2). */
export function getdomainname(): string {
  const name = new Uint8Array(LONGEST + 1)
  getdomainnameC(name, name.length)
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0))) // a C string ends at its NUL
}

/**
 * All links of /proc/<pid>/ns, as the kernel names what they lead to: `uts` is `uts:[4026531838]`, and so on. Ten of
 * them: the eight namespaces of the process, and `pid_for_children` and `time_for_children`.
 *
 * @throws ENOENT when there is no such process
 * @see namespaces(7), readlink(2)
 */
export function namespaces(pid: Pid): Record<string, string> {
  const folder = `/proc/${pid}/ns`
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readlinkSync(`${folder}/${name}`)]))
}

/** Which of the eight namespaces two processes are both in, in the order of NAMESPACES. */
export function shared(a: Pid, b: Pid): Namespace[] {
  const [one, other] = [namespaces(a), namespaces(b)]
  return NAMESPACES.filter((kind) => one[kind] === other[kind])
}
