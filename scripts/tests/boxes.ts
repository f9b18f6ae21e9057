import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'
import { boxCommand } from '../lib/box-command.ts'

// Containers of the reference, right on this machine, as somebody would start them from a shell. Not on a bridge: that
// would be the machine's. With one they run in labs: net.test.ts.

export interface Start {
  env?: Record<string, string>
  cwd?: string
  /** The program that runs it, before node. */
  under?: string[]
  stdio?: ('pipe' | number)[]
  /** Another verb than `run`. */
  verb?: string
  /** Where the clone is; the workshop itself unless given. */
  from?: string
}

export function start(
  args: string[],
  { env, cwd = project, under = [], stdio = ['pipe', 'pipe', 'pipe'], from = project, verb = 'run' }: Start = {},
) {
  const [program = '', ...rest] = [...under, ...boxCommand(from), verb, ...args]
  return spawn(program, rest, { cwd, stdio, env: { ...process.env, WORKSHOP_NET: 'none', INIT_CWD: cwd, ...env } })
}

export async function result(
  child: ChildProcess,
  input = '',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  child.stdin?.on('error', () => {}) // EPIPE: it did not want its input
  child.stdin?.end(input)
  const read = (stream: ChildProcess['stdout']) => (stream ? text(stream) : '')
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

export const box = (args: string[], options: Start & { input?: string } = {}) =>
  result(start(args, options), options.input)
export const reference = (...argv: string[]) => box(['--reference', '--', ...argv])

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + seconds(10); !condition(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
  }
}

/** Waits until a child has printed something, and returns all that it has said until then. */
export async function said(child: ChildProcess, word: string): Promise<string> {
  let output = ''
  child.stdout?.setEncoding('utf8')
  for await (const chunk of child.stdout ?? []) {
    output += chunk
    if (output.includes(word)) return output
  }
  throw new Error(`it ended and said only: ${output}`)
}
