import { spawn } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { result } from './boxes.ts'
import { Clone, PORTABLE } from './clone.ts'

test('what you wrote is compiled before it is checked, so that no lab has to; and it is not run on this machine', async () => {
  using clone = new Clone()
  const node = (script: string, env = {}) => {
    const args = ['--no-warnings', '--input-type=module', '-e', script]
    return result(spawn(process.execPath, args, { cwd: clone.path, env: { ...process.env, ...PORTABLE, ...env } }))
  }
  const [file, ran] = [join(clone.path, 'lessons/04-uts/uts.ts'), join(clone.path, 'ran')]
  appendFileSync(file, `\nprocess.getBuiltinModule('node:fs').writeFileSync('${ran}', '' as string)\n`)

  const warm = await node(`(await import('./scripts/lib/warm.ts')).warmCache()`)
  expect(warm).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(existsSync(ran), 'it was run').toBe(false)

  const { stdout, stderr } = await node(`await import('${file}')`, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' })
  expect(stdout + stderr).toMatch(/retrieving transpile cache for StrippedTypeScript .*\/04-uts\/uts\.ts\.\.\.success/)
  expect(existsSync(ran), 'it would have been').toBe(true)
})
