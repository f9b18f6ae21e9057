import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { ensureRootfs } from '#given/rootfs.ts'
import { project } from '../lib/lessons.ts'

/** Lesson 04 as it is handed out. In your clone it may be written by now, and these tests are about one that is not. */
export const STARTER = `import { type Mechanism, notWritten } from '#given/mechanism.ts'

export const uts: Mechanism = {
  name: 'uts',
  flags: 0, // 04.2
  inside() {
    notWritten('04.1 sethostname(2)')
    notWritten('04.3 setdomainname(2)')
  },
}
`

/** What is remembered of the learner: a clone has its own. */
const OWN = ['progress', 'originals', 'backups', 'cache', 'cache-of-clones']

/**
 * Compiled code, which all clones share: Node keeps it by the path from the cache to the module, if it is told so.
 * Without it each clone would strip the types of all that it loads, and each container of its labs those of the init.
 */
const CACHE = '.workshop/cache-of-clones'
export const PORTABLE = { NODE_COMPILE_CACHE: '.workshop/cache', NODE_COMPILE_CACHE_PORTABLE: '1' }

/** A clone of the workshop in a temporary folder, where a test may edit a lesson's files. */
export class Clone implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'workshop-clone-'))
  #shared: Shared | undefined

  constructor() {
    chmodSync(this.path, 0o755) // lesson 07 runs it as an ordinary user
    for (const name of ['lessons', 'solutions', 'scripts', 'package.json', 'package-lock.json', 'vitest.config.ts']) {
      cpSync(join(project, name), join(this.path, name), { recursive: true, preserveTimestamps: true })
    }
    writeFileSync(join(this.path, 'lessons/04-uts/uts.ts'), STARTER)
    // What was installed and built once is shared.
    ensureRootfs()
    symlinkSync(join(project, 'node_modules'), join(this.path, 'node_modules'))
    mkdirSync(join(this.path, '.workshop'))
    for (const name of readdirSync(join(project, '.workshop')).filter((name) => !OWN.includes(name))) {
      symlinkSync(join(project, '.workshop', name), join(this.path, '.workshop', name))
    }
    mkdirSync(join(project, CACHE), { recursive: true })
    symlinkSync(join(project, CACHE), join(this.path, '.workshop/cache'))
  }

  /** Runs a command of package.json as npm would, but without npm, whose own start takes longer than most of them. */
  run(script: string, ...args: string[]): { code: number; output: string } {
    const options = { ...this.#options, encoding: 'utf8' as const }
    const { status, stdout, stderr } = spawnSync(process.execPath, this.#argv(script, args), options)
    return { code: status ?? -1, output: stripVTControlCharacters(stdout + stderr) }
  }

  /** The same without waiting for it. */
  start(script: string, ...args: string[]): ChildProcess {
    return spawn(process.execPath, this.#argv(script, args), this.#options)
  }

  /** The same in a process that all such commands share, one after the other: fixtures/commands.ts says which may. */
  async ask(script: string, ...args: string[]): Promise<{ code: number; output: string }> {
    this.#shared ??= new Shared(this.#argv('tests/fixtures/commands', []), this.#options)
    const { code, output } = await this.#shared.ask([script, ...args])
    return { code, output: stripVTControlCharacters(output) }
  }

  #argv(script: string, args: string[]): string[] {
    return ['--no-warnings', join('scripts', `${script}.ts`), ...args]
  }

  get #options() {
    // INIT_CWD is where somebody typed npm; for these commands he stands in the clone.
    // The cache by its whole path: a lab starts containers in another folder, where a relative one is not found.
    const cache = { ...PORTABLE, NODE_COMPILE_CACHE: join(this.path, '.workshop/cache') }
    const env = { ...process.env, INIT_CWD: this.path, NO_COLOR: '1', ...cache }
    return { cwd: this.path, env }
  }

  [Symbol.dispose](): void {
    this.#shared?.[Symbol.dispose]()
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** fixtures/commands.ts, seen from outside. */
class Shared implements Disposable {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor(argv: string[], options: SpawnOptions) {
    this.#child = spawn(process.execPath, argv, { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]()
  }

  async ask(line: string[]): Promise<{ code: number; output: string }> {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`)
    const { done, value } = await this.#answers.next()
    if (done) throw new Error(`${line.join(' ')} ended the process of all`)
    return JSON.parse(value)
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}
