import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { patience } from '#given/patience.ts'
import { project } from './lessons.ts'

const GIVEN = 'lessons/00-foundation/given'

/**
 * Fills Node's compile cache with the workshop's own modules, unless that is done, so that a container does not pay for
 * stripping their types. Labs see the cache, but cannot write it: what root's Node loads must be writable by nobody
 * else. It may be read by everybody: containers whose root is another user outside (lesson 07) start in half the time.
 */
export function warmCache(): void {
  warmReady()
  compileOwn()
}

function warmReady(): void {
  const modules = [...filesIn(GIVEN), ...readdirSync(join(project, 'solutions')).flatMap(solution)]
  const stamp = join(project, '.workshop/cache/warmed')
  const wanted = `${process.version} ${Math.max(...modules.map((file) => statSync(file).mtimeMs))}`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  run(`for (const file of ${JSON.stringify(modules)}) await import(file)`)
  // It fails, for want of a parent; but what it is made of is in the cache then.
  spawnSync(process.execPath, ['--no-warnings', join(project, GIVEN, 'init.ts')], { stdio: 'ignore' })
  leave(stamp, wanted)
}

/**
 * The same for all else that runs in labs: what the learner has written since, and the lessons' own programs. But that is
 * only compiled, and not run here: it is linked to somebody who wants from it what no module exports, so none of them
 * comes to run.
 */
function compileOwn(): void {
  const all = readdirSync(join(project, 'lessons'), { recursive: true, encoding: 'utf8' })
  const code = all.filter((name) => /^\d\d-.*(?<!\.test)\.ts$/.test(name))
  const files = code.map((name) => join(project, 'lessons', name)).filter((file) => !file.includes(`/${GIVEN}/`))
  const stamp = join(project, `.workshop/cache/compiled-${process.version}`)
  const last = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const changed = files.filter((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > last)
  if (changed.length === 0) return
  const links = changed.map((file) => `import { 'no such export' as none } from '${pathToFileURL(file)}'`)
  const modules = links.map((link) => `data:text/javascript,${encodeURIComponent(link)}`)
  run(`for (const link of ${JSON.stringify(modules)}) await import(link).catch(() => {})`)
  leave(stamp, '')
}

/**
 * Runs a program that loads modules, and keeps what Node has made of them. Where Node is emulated, it does so twice: there
 * one that strips types changes V8's options (scripts/vm/box/node-options.cjs), and V8 takes nothing that was compiled
 * under others. The second one finds them stripped.
 */
function run(program: string): void {
  const flush = '(await import("node:module")).flushCompileCache()'
  const args = ['--no-warnings', '--input-type=module', '-e', `${program}; ${flush}`]
  for (const _ of patience() > 1 ? ['strip', 'compile'] : ['both'])
    spawnSync(process.execPath, args, { stdio: 'ignore' })
}

function leave(stamp: string, text: string): void {
  mkdirSync(join(project, '.workshop/cache'), { recursive: true })
  spawnSync('chmod', ['-R', 'a+rX', join(project, '.workshop/cache')])
  writeFileSync(stamp, text)
}

/** All but the init, which does its work when it is loaded. */
function filesIn(folder: string): string[] {
  const all = readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
  const names = all.filter((name) => name.endsWith('.ts') && name !== 'init.ts')
  return names.map((name) => join(project, folder, name))
}

function solution(folder: string): string[] {
  return filesIn(`solutions/${folder}`)
}
