import { UsageError } from '#given/errors.ts'
import * as user from '../box/options/user.ts'
import type { Box } from './boxes.ts'
import type { CommandInfo, Options } from './command.ts'

/** Whose containers: root's, if the caller can become root. */
const whose: Options = {
  userns: { type: 'boolean', description: 'your own containers, as of run --userns, and not those of root' },
}

interface Verb {
  /** The verb and what it takes. */
  usage: string
  about: string
  options?: Options
  examples?: string[]
}

/** What all verbs about containers have in common. */
export function verb({ usage, about, options = {}, examples }: Verb): CommandInfo {
  return {
    ...{ name: 'box', usage: `npm run box -- ${usage}`, about, options: { ...options, ...whose } },
    ...(examples ? { examples: examples.map((line) => `npm run box -- ${line}`) } : {}),
    ...{ args: process.argv.slice(3), failure: 125, needsLinux: true, who: user.who },
  }
}

/** Does it run, or come to it? */
export const isAlive = ({ state }: Box): boolean => ['starting', 'running', 'paused', 'stopping'].includes(state.status)

/**
 * A whole number that was typed, such as seconds.
 *
 * @throws {UsageError} where it is none
 */
export function count(value: unknown, option: string, usual: number): number {
  if (value === undefined) return usual
  if (/^\d{1,9}$/.test(String(value))) return Number(value)
  throw new UsageError(`${option} ${value}: it wants a whole number, 0 or more`)
}
