import { notWritten } from '#given/mechanism.ts'
import type { Namespace, Pid } from '#given/proc.ts'

/** The NIS domain name of the UTS namespace that we are in; `(none)` where nobody has set one: getdomainname(2). */
export function getdomainname(): string {
  return notWritten('00.1 getdomainname(2)', getdomainname)
}

/**
 * All links of /proc/<pid>/ns, as the kernel names what they lead to: `uts` is `uts:[4026531838]`, and so on. Ten of
 * them: the eight namespaces of the process, and `pid_for_children` and `time_for_children`.
 *
 * @throws ENOENT when there is no such process
 * @see namespaces(7), readlink(2)
 */
export function namespaces(pid: Pid): Record<string, string> {
  return notWritten('00.2 readlink(2)', namespaces, pid)
}

/** Which of the eight namespaces two processes are both in, in the order of NAMESPACES. */
export function shared(a: Pid, b: Pid): Namespace[] {
  return notWritten('00.3 namespaces(7)', shared, a, b)
}
