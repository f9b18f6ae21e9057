import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Spec } from '#given/mechanism.ts'
import { result } from './boxes.ts'

/** What fixtures/in-root.ts is asked. */
export interface Question {
  /** A folder. */
  root: string
  step: 'user' | 'command'
  specs: Spec[]
}

const program = join(import.meta.dirname, 'fixtures/in-root.ts')

/** What the user of each spec is in a root, or why its command cannot be started there: without a container for each. */
export async function inRoot(question: Question): Promise<Record<string, unknown>[]> {
  const child = spawn(process.execPath, ['--no-warnings', program], { stdio: 'pipe' })
  const { stdout, stderr } = await result(child, JSON.stringify(question))
  if (stderr) throw new Error(stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
