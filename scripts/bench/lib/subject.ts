import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processes } from '#given/proc.ts'
import { project } from '#given/spec.ts'
import { memorySince } from './memory.ts'
import type { Place } from './place.ts'
import type { Tool } from './tools.ts'

/*
 * A subject is something that one does with a container tool: a file in scripts/bench/, whose default export this is. Its
 * name is the file's. Who writes one gives a title and its candidates; the rest is measure.ts.
 */
export interface Subject {
  /** What is measured, from when to when. It is the table's title. */
  title: string
  /** How often each is measured unless --runs says: 20 unless given. Fewer where one run takes a second. */
  runs?: number
  /** Who does it, in the order of the table. The first is what the others are compared with. */
  candidates(place: Place): Candidate[] | Promise<Candidate[]>
}

/** One who does it. All but `run` is not measured. What throws takes its candidate out of the table, and is the reason. */
export interface Candidate {
  name: string
  /** Why it cannot be measured here, where that is known beforehand. */
  missing?: string | undefined
  /** Once, at first: imports an image, starts a container. */
  prepare?(): void | Promise<void>
  run(): void | Promise<void>
  /** After each run: what it has left running takes, of memory, in KiB for each container, beside its command. */
  memory?(): number
  /** After each run: removes what it has made. */
  after?(): void | Promise<void>
  /** Once, at last, whatever has happened. */
  close?(): void | Promise<void>
}

/** Commands of the tool, each without its beginning, which Tool has. */
export interface Words {
  prepare?: string[][]
  /** One command, or several, one after the other. */
  run: string[] | string[][]
  /** How many containers are left running, where memory is a question, too. */
  leaves?: number
  after?: string[][]
  close?: string[][]
}

/** A candidate that is a command of a tool. */
export function does(place: Place, { name, call, env, missing }: Tool, words: Words): Candidate {
  const all = (lists: string[][] = []) => {
    for (const list of lists) execute(place, [...call, ...list], env)
  }
  const run = words.run.every((word) => typeof word === 'string') ? [words.run] : words.run
  let before: Set<number> | undefined
  return {
    name,
    missing,
    prepare: () => all(words.prepare),
    run: () => {
      if (words.leaves) before = new Set(processes())
      all(run as string[][])
    },
    ...(words.leaves ? { memory: () => memorySince(before) / (words.leaves ?? 1) } : {}),
    after: () => all(words.after),
    close: () => all(words.close),
  }
}

/**
 * Runs a command to its end. What it says of errors goes to a file: a pipe would keep us until whatever it has left
 * running has closed it, too.
 *
 * @throws {Error} with the last line that it said and that is not indented, where it fails
 */
export function execute({ folder }: Place, [program = '', ...args]: string[], env: NodeJS.ProcessEnv = {}): void {
  const file = join(folder, 'stderr')
  const errors = openSync(file, 'a')
  ftruncateSync(errors)
  const { status, error } = spawnSync(program, args, {
    ...{ cwd: project, stdio: ['ignore', 'ignore', errors], env: { ...process.env, ...env } },
  })
  closeSync(errors)
  if (status === 0) return
  const said = readFileSync(file, 'utf8').trim().split('\n')
  throw error ?? new Error(said.findLast((line) => /^\S/.test(line)) || `it ended with ${status}`)
}
