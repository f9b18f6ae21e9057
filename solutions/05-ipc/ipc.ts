import { bind, CLONE_NEWIPC, MS_NODEV, MS_NOEXEC, MS_NOSUID, mkdir, mount } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

const shmget = bind('int shmget(key_t key, size_t size, int shmflg)')
const IPC_CREAT = 0o1000

/** System V objects and POSIX message queues of its own: ipc_namespaces(7). */
export const ipc: Mechanism = {
  name: 'ipc',
  flags: CLONE_NEWIPC,
  inside({ mechanisms }) {
    if (!mechanisms.includes('mount')) return // the mount would be the host's
    mkdir('/dev/mqueue', 0o755)
    mount('mqueue', '/dev/mqueue', 'mqueue', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)
  },
}

/** The id of the shared memory segment with this key, which is made where there is none: shmget(2). */
export function segment(key: number, size: number): number {
  return shmget(key, size, IPC_CREAT | 0o600)
}
