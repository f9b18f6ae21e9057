import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { project } from '#given/spec.ts'
import { result } from './boxes.ts'

/** A command line, as typed after the verb of `box` or the name of another command. */
export interface Line {
  args: string[]
  verb?: string
  /** A command other than `box`: its file in scripts/, without .ts. */
  command?: string
  env?: Record<string, string>
}

export interface Refused {
  code: number
  stdout: string
  stderr: string
}

/**
 * What command lines answer that are refused before a container is made. One process runs them all, when the
 * first is asked for: that of a single one is nine tenths of the cost.
 *
 * @param folder where they are typed
 * @param from the clone whose commands they are; the workshop itself unless given
 * @returns what came of the nth line
 * @throws where it was not refused
 */
export function refusals(lines: Line[], folder = () => project, from = () => project) {
  let all: Promise<{ answers: string[]; stderr: string }> | undefined
  return async (nth: number): Promise<Refused> => {
    all ??= answersTo(lines, folder(), from())
    const { answers, stderr } = await all
    const answer = answers[nth]
    if (answer === undefined) throw new Error(`${JSON.stringify(lines[answers.length])} was not refused. ${stderr}`)
    return JSON.parse(answer)
  }
}

async function answersTo(lines: Line[], cwd: string, from: string) {
  const program = join(from, 'scripts/tests/fixtures/refusals.ts')
  const env = { ...process.env, WORKSHOP_NET: 'none', INIT_CWD: cwd }
  const child = spawn(process.execPath, ['--no-warnings', program], { cwd, env, stdio: 'pipe' })
  const { stdout, stderr } = await result(child, JSON.stringify(lines))
  return { answers: stdout.split('\n').filter((line) => line.startsWith('{"code":')), stderr }
}
