import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { chalk } from '#given/show.ts'
import { project } from '../lib/lessons.ts'

/** What the machine's builders and runs leave behind: the box, its parts, logs. */
export const vmFolder = join(project, '.workshop', 'vm')
const log = join(vmFolder, 'build.log')

/**
 * Does one long thing, and shows for how long already and how long it usually takes: silence loses people.
 *
 * @param usually in seconds
 */
export async function step<T>(what: string, usually: number, body: () => Promise<T>): Promise<T> {
  const started = Date.now()
  const since = () => Math.round((Date.now() - started) / 1000)
  const terminal = process.stderr.isTTY
  const draw = () => process.stderr.write(`\r${what}… ${since()} s ${chalk.dim(`of about ${usually}`)}  `)
  if (terminal) draw()
  else process.stderr.write(`${what}… (about ${usually} s)\n`)
  const clock = terminal ? setInterval(draw, 1000) : undefined
  try {
    const result = await body()
    process.stderr.write(`${terminal ? '\r\x1b[K' : ''}${chalk.green('✓')} ${what} (${since()} s)\n`)
    return result
  } catch (error) {
    process.stderr.write(`${terminal ? '\r\x1b[K' : ''}${chalk.red('✗')} ${what} (${since()} s)\n`)
    throw error
  } finally {
    clearInterval(clock)
  }
}

/** A new log. */
export function startLog(): void {
  rmSync(log, { force: true })
}

/** Runs a program whose output goes to the log, and whose failure shows the log's last lines. */
export async function quietly(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  mkdirSync(dirname(log), { recursive: true })
  appendFileSync(log, `\n$ ${program} ${args.join(' ')}\n`)
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let tail = ''
  const keep = (data: Buffer) => {
    appendFileSync(log, data)
    tail = `${tail}${data}`.slice(-4000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const code = await ended(program, child)
  if (code === 0) return
  const lines = tail.trimEnd().split('\n').slice(-12)
  throw new UsageError(`${program} failed (${code}). Its last lines, of ${log}:\n  ${lines.join('\n  ')}`, 1)
}

/** Runs a program in our terminal and returns its exit code, as a shell counts it: 128 and more for a signal. */
export async function loudly(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return ended(program, spawn(program, args, { cwd: project, env, stdio: 'inherit' }))
}

function ended(program: string, child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new UsageError(`${program} cannot be started: ${error.message}`, 1)))
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)))
  })
}
