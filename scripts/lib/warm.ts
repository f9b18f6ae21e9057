import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './lessons.ts'

/**
 * Fills Node's compile cache with the workshop's own modules, so that a container does not pay for stripping their
 * types. Labs see the cache, but cannot write it: what root's Node loads must be writable by nobody else.
 */
export function warmCache(): void {
  const given = join(project, 'lessons/00-foundation/given')
  const files = readdirSync(given).filter((name) => name.endsWith('.ts') && !ENTRIES.has(name))
  const solutions = readdirSync(join(project, 'solutions')).map(
    (folder) => `../../../solutions/${folder}/${folder.slice(3)}.ts`,
  )
  const program = `
    for (const file of ${JSON.stringify([...files, ...solutions])}) await import('${given}/' + file)
    (await import('node:module')).flushCompileCache()`
  spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], { stdio: 'ignore' })
}

/** These do something when they are loaded. */
const ENTRIES = new Set(['init.ts', 'call.ts', 'lab-server.ts'])
