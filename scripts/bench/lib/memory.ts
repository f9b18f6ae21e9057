import { readFileSync } from 'node:fs'
import { processes, status } from '#given/proc.ts'

/** What containers that are left running do. */
export const IDLE = ['sleep', '1000']

/**
 * The memory that stays beside the commands of containers that have been started since: of who waits for them, and who
 * waits for those. In KiB, each page that several share counted in parts (Pss, proc_pid_smaps(5)).
 */
export function memorySince(before = new Set<number>()): number {
  const fresh = new Set(processes().filter((pid) => !before.has(pid)))
  const besides = new Set<number>()
  for (const command of [...fresh].filter(isIdle)) {
    for (let pid = parentOf(command); fresh.has(pid); pid = parentOf(pid)) besides.add(pid)
  }
  return [...besides].reduce((sum, pid) => sum + memoryOf(pid), 0)
}

const parentOf = (pid: number) => Number(status(pid, 'PPid') ?? 0)
const isIdle = (pid: number) => read(pid, 'cmdline') === IDLE.map((word) => `${word}\0`).join('')
const memoryOf = (pid: number) => Number(read(pid, 'smaps_rollup').match(/^Pss:\s+(\d+)/m)?.[1] ?? 0)

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has just ended
  }
}
