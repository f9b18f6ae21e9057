import { UsageError } from '#given/errors.ts'
import type { Arguments, Options } from '../../lib/command.ts'

// What a command begins with: its variables, and where it is.

export const options: Options = {
  env: {
    type: 'string',
    short: 'e',
    multiple: true,
    value: 'K=V',
    description: 'a variable of its environment; often, too',
  },
  workdir: { type: 'string', short: 'w', value: 'DIR', description: 'where in it the command starts; / unless given' },
}

/** The variables of --env. */
export function environment({ env }: Arguments['values']): Record<string, string> {
  return Object.fromEntries(((env ?? []) as string[]).map(variable))
}

function variable(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--env ${text}: it wants NAME=VALUE, such as --env LANG=C`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** A folder of the container; its root unless given. */
export function folder(value: Arguments['values'][string]): string {
  const path = String(value ?? '/')
  if (!path.startsWith('/')) throw new UsageError(`--workdir ${path}: a path in the container begins with /`)
  return path
}
