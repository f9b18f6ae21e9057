import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { project } from '../lib/lessons.ts'

const NOBODY = 65534
let clone: string

// A clone in which the packages are installed, as far as the set-up can tell.
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'workshop-setup-'))
  for (const folder of ['scripts', 'node_modules', '.workshop']) mkdirSync(join(clone, folder))
  cpSync(join(project, 'scripts/setup.mjs'), join(clone, 'scripts/setup.mjs'))
  cpSync(join(project, 'package-lock.json'), join(clone, 'package-lock.json'))
  cpSync(join(project, 'node_modules/.package-lock.json'), join(clone, 'node_modules/.package-lock.json'))
  spawnSync('chmod', ['-R', 'a+rwX', clone])
})
afterEach(() => rmSync(clone, { recursive: true, force: true }))

function setup(env: Record<string, string> = {}, uid?: number) {
  const options = { env: { ...process.env, ...env }, encoding: 'utf8' as const, ...(uid ? { uid, gid: uid } : {}) }
  return spawnSync(process.execPath, [join(clone, 'scripts/setup.mjs')], options)
}

test('it says and does nothing where all is in place', () => {
  expect(setup()).toMatchObject({ status: 0, stdout: '', stderr: '' })
})

test('who may not install programs gets the command for it', () => {
  rmSync(join(clone, '.workshop/setup.lock'), { force: true })
  const text = readFileSync(join(clone, 'scripts/setup.mjs'), 'utf8')
  writeFileSync(join(clone, 'scripts/setup.mjs'), text.replace("ps: 'procps'", "'no-such-program': 'no-such-package'"))
  const { status, stderr } = setup({}, NOBODY)
  expect(status).toBe(1)
  expect(stderr).toContain('These programs are missing: no-such-program.')
  expect(stderr).toMatch(/sudo sh -c 'apt-get update && apt-get install .*no-such-package|your package manager/)
})

test('packages that are not those of the lockfile mean npm ci, and its failure is an error', () => {
  writeFileSync(join(clone, 'node_modules/.package-lock.json'), '{}')
  const gone = spawnSync('true').pid
  writeFileSync(join(clone, '.workshop/setup.lock'), String(gone))
  const { status, stderr } = setup({ npm_execpath: join(clone, 'no-npm.js'), npm_node_execpath: process.execPath })
  expect(status).toBe(1)
  expect(stderr).toContain('Installing the packages of the lockfile')
  expect(stderr).toContain('npm ci failed')
  expect(stderr, 'a lock that a killed set-up left does not stop the next one').not.toContain('Another command')
})

test('no command goes on under the Node that the shell had found before the set-up', () => {
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  // A shell remembers where `node` was; env(1) looks again, and finds the pinned one.
  for (const [name, line] of Object.entries(scripts)) expect(line, name).not.toMatch(/&& ([A-Z_]+=\S+ )*node /)
})
