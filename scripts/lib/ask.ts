import { createInterface } from 'node:readline/promises'
import { UsageError } from '#given/errors.ts'

/**
 * Asks a question to which only `y` or `yes` says yes: not Enter, Ctrl-C or the end of the input.
 *
 * @throws {UsageError} without a terminal, where nobody could answer
 */
export async function confirm(question: string, orElse: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new UsageError(orElse)
  const line = createInterface({ input: process.stdin, output: process.stdout })
  const end = new AbortController()
  line.on('SIGINT', () => end.abort())
  line.on('close', () => end.abort())
  try {
    return /^y(es)?$/i.test((await line.question(`${question} [y/N] `, { signal: end.signal })).trim())
  } catch {
    console.log()
    return false
  } finally {
    line.close()
  }
}
