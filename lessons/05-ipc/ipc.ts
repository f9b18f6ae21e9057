import { bind, CLONE_NEWIPC, MS_NODEV, MS_NOEXEC, MS_NOSUID, mkdir, mount } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'

/** System V objects and POSIX message queues of its own: ipc_namespaces(7). */
export const ipc: Mechanism = {
  name: 'ipc',
  flags: 0, // 05.1
  inside({ mechanisms }) {
    notWritten('05.2 mount(2)')
  },
}

/** The id of the shared memory segment with this key, which is made where there is none: shmget(2). */
export function segment(key: number, size: number): number {
  return notWritten('05.3 shmget(2)', segment, key, size)
}
