import { UsageError } from '#given/errors.ts'

/**
 * npm takes every option before `--` for its own: `npm run reset 04 --undo` would reset. It tells in the environment what
 * it took.
 *
 * @throws {UsageError} that says how to write it
 */
export function refuseSwallowed(command: string, options: string[]): void {
  const taken = options.filter((name) => process.env[`npm_config_${name.replaceAll('-', '_')}`] === 'true')
  const [name] = taken.filter((name) => name !== 'yes') // somebody may have set that one for npm itself
  if (!name) return
  throw new UsageError(
    `npm has taken --${name} for its own. Options come after --: npm run ${command} … -- --${name} …`,
  )
}
