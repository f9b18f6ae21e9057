import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { project } from '#given/spec.ts'
import { result } from './boxes.ts'

/** A command line of `box`, as typed after the verb. */
export interface Line {
  args: string[]
  verb?: string
  env?: Record<string, string>
}

export interface Refused {
  code: number
  stdout: string
  stderr: string
}

const program = join(import.meta.dirname, 'fixtures/refusals.ts')

/**
 * What command lines of `box` answer that are refused before a container is made. One process runs them all, when the
 * first is asked for: that of a single one is nine tenths of the cost.
 *
 * @returns what came of the nth line
 * @throws where it was not refused
 */
export function refusals(lines: Line[], folder = () => project): (nth: number) => Promise<Refused> {
  let all: Promise<{ answers: string[]; stderr: string }> | undefined
  return async (nth) => {
    all ??= answersTo(lines, folder())
    const { answers, stderr } = await all
    const answer = answers[nth]
    if (answer === undefined) throw new Error(`${JSON.stringify(lines[answers.length])} was not refused. ${stderr}`)
    return JSON.parse(answer)
  }
}

async function answersTo(lines: Line[], cwd: string) {
  const env = { ...process.env, WORKSHOP_NET: 'none', INIT_CWD: cwd }
  const child = spawn(process.execPath, ['--no-warnings', program], { cwd, env, stdio: 'pipe' })
  const { stdout, stderr } = await result(child, JSON.stringify(lines))
  return { answers: stdout.split('\n').filter((line) => line.startsWith('{"code":')), stderr }
}
