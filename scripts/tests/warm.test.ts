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
  const files = ['03-mount/mount.ts', '04-uts/uts.ts'].map((name) => join(clone.path, 'lessons', name))
  const ran = join(clone.path, 'ran')
  for (const file of files) {
    appendFileSync(file, `\nprocess.getBuiltinModule('node:fs').writeFileSync('${ran}', '' as string)\n`)
  }

  const warm = await node(`(await import('./scripts/lib/warm.ts')).warmCache()`)
  expect(warm).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(existsSync(ran), 'it was run').toBe(false)

  const loading = files.map((file) => `await import('${file}')`).join('\n')
  const { stdout, stderr } = await node(loading, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' })
  const told = (stdout + stderr).matchAll(/retrieving transpile cache for StrippedTypeScript (.*)\.\.\.success/g)
  expect([...told].map(([, file]) => file?.replace('file://', ''))).toEqual(expect.arrayContaining(files))
  expect(existsSync(ran), 'it would have been').toBe(true)
})
