import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { seconds } from '#given/patience.ts'
import { isShow } from './commands.ts'

export interface Printed {
  lines: string[]
  code: number
}

const LIMIT = 120 // seconds

/** Runs what a reader would type: npm's commands here (a demo opens a lab by itself), all others in a lab. */
export async function execute(typed: string): Promise<Printed> {
  const npm = typed.startsWith('npm ')
  const [program = '', ...args] = npm
    ? ['bash', '-c', `exec 2>&1\n${typed.replace('npm', 'npm --silent')}`]
    : ['npm', '--silent', 'run', 'lab', '--', 'bash', '-c', `exec 2>&1\n${typed}`]
  const { FORCE_COLOR: _, ...rest } = process.env
  const env = { ...rest, NO_COLOR: '1', LC_ALL: 'C.UTF-8' }
  // A group of its own, to end all of it.
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const late = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGTERM'), seconds(LIMIT))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const [code, signal] = await once(child, 'close')
  clearTimeout(late)
  if (signal) text += `\nended by ${signal}, after ${LIMIT} s or more`
  const printed = asOnDebian(stripVTControlCharacters(text)).trimEnd()
  return { lines: printed ? printed.split('\n') : [], code: code ?? 1 }
}

/** The exit codes with which a command does what it should. A starter that is not written yet fails its checks. */
export function rightCodes({ typed, shown }: { typed: string; shown: string[] }): number[] | 'any' {
  if (/^npm run check\b(?!.*--reference)/.test(typed)) return [0, 1]
  return shown.length > 0 && !isShow(typed) ? 'any' : [0] // the output itself tells of an error
}

/** Does a shell command succeed, such as `test -e /sys/fs/cgroup/memory`? */
export function holds(condition: string): boolean {
  return spawnSync('sh', ['-c', condition], { stdio: 'ignore' }).status === 0
}

/** The transcripts are Debian's: another system's name for itself, ID in os-release(5), is no difference. */
function asOnDebian(text: string): string {
  const [, id] = /^ID="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  return id ? text.replaceAll(new RegExp(`\\b${RegExp.escape(id)}\\b`, 'g'), 'debian') : text
}
