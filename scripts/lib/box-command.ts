import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from '#given/spec.ts'

/**
 * What `npm run box --` starts, up to the verb: Node, its options as package.json has them, and the program.
 *
 * @param from the clone whose command it is; the workshop itself unless given
 */
export function boxCommand(from = project): string[] {
  const { scripts } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'))
  const [, options] = scripts.box.match(/ node ((?:--\S+ )*)scripts\/box\.ts$/) ?? []
  if (options === undefined) throw new Error(`package.json starts no box: ${scripts.box}`)
  return [process.execPath, ...options.split(' ').filter(Boolean), join(from, 'scripts/box.ts')]
}
