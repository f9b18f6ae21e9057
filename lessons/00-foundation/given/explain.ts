import { type ErrorData, inProject, toData } from './errors.ts'

/**
 * An error as one reads it in a terminal: what, where, and what to do. Never a stack trace: the learner's own line is
 * all of it that helps.
 */
export function explain(error: unknown): string {
  const data = error instanceof Error && 'data' in error ? (error.data as ErrorData) : toData(error)
  const lines = [data.message]
  if (data.detail) lines.push(`  the call: ${data.detail}`)
  if (data.where) lines.push(`  in ${inProject(data.where)}`)
  if (data.where && TYPES.has(data.name)) lines.push('  npm run types finds most such mistakes before they run')
  if (data.task) lines.push(`  npm run check ${data.task.slice(0, 2)} shows what is next`)
  return lines.join('\n')
}

/** Node runs TypeScript without a look at its types, so it is only here that a mistake in them shows. */
const TYPES = new Set(['TypeError', 'ReferenceError'])

/** The exit code of the command that met this error; the engine's own is 125. */
export function exitCodeOf(error: unknown): number {
  const data = error instanceof Error && 'data' in error ? (error.data as ErrorData) : toData(error)
  return data.exitCode ?? 125
}
