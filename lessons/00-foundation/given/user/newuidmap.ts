/*
 * Maps that an ordinary user may not write himself: newuidmap(1) and newgidmap(1) do it for him. They are set-user-ID
 * root (or have the file capability), and write only what /etc/subuid and /etc/subgid grant the caller.
 */
import { UsageError } from '../errors.ts'
import type { Ids, Range } from './ids.ts'

/**
 * Has the maps of a child written.
 *
 * @throws {UsageError} with the program's own words, where it refuses
 * @see newuidmap(1), subuid(5)
 */
export function askForMaps(pid: number, { uids, gids }: Ids): void {
  ask('newgidmap', pid, gids)
  ask('newuidmap', pid, uids)
}

function ask(program: string, pid: number, ranges: Range[]): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const triples = ranges.flatMap(({ inside, outside, count }) => [inside, outside, count].map(String))
  const { status, stderr, error } = spawnSync(program, [String(pid), ...triples], { encoding: 'utf8' })
  if (status === 0) return
  const file = program === 'newuidmap' ? '/etc/subuid' : '/etc/subgid'
  throw new UsageError(`${(error?.message ?? stderr).trim()}\n  ${file} must grant you these ids: ${program}(1)`, 125)
}
