/*
 * Pid 2 of a lab that a test opened: it starts programs there and says what became of them. One JSON object a line, on
 * standard input and output.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { seconds } from './patience.ts'
import { processes } from './proc.ts'

/** What the test asks. */
export type Request =
  | { id: number; do: 'spawn'; argv: string[]; env?: Record<string, string>; input?: string; cwd?: string }
  | { id: number; do: 'signal'; signal: NodeJS.Signals }
  | { id: number; do: 'write'; text: string }

/** What it hears: `report` is a line that the program wrote to descriptor 3. */
export type Event =
  | { id: number; event: 'report'; line: string }
  | { id: number; event: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { id: number; event: 'exit'; code: number; signal: NodeJS.Signals | null }

const programs = new Map<number, ChildProcess>()

/** No check needs so many. A fork bomb takes the lab with it, and not the machine: nothing else limits root's processes. */
const MOST_PROCESSES = 1000
const LOOK = 100 // milliseconds

if (import.meta.main) {
  if (process.argv[2] === 'alone') setInterval(endIfCrowded, LOOK).unref()
  for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line))
  process.exit(0) // the test has closed the channel: end, and the lab with us
}

/** For a server that has a pid namespace for itself and what it starts: elsewhere the others would be killed, too. */
function endIfCrowded(): void {
  const count = processes().length
  if (count <= MOST_PROCESSES) return
  process.kill(-1, 'SIGKILL') // all at once, but for pid 1 and this one: who is being killed cannot fork
  process.stderr.write(`box: the lab has ended: ${count} processes ran in it. Does something start others for ever?\n`)
  process.exit(1)
}

function obey(request: Request): void {
  if (request.do === 'spawn') start(request)
  else if (request.do === 'signal') programs.get(request.id)?.kill(request.signal)
  else programs.get(request.id)?.stdin?.write(request.text)
}

function start({ id, argv, env, input, cwd }: Extract<Request, { do: 'spawn' }>): void {
  const [file = '', ...args] = argv
  const program = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  programs.set(id, program)
  program.on('error', ({ message }) => {
    send({ id, event: 'output', stream: 'stderr', text: `${message}\n` })
    send({ id, event: 'exit', code: 127, signal: null })
  })
  for (const stream of ['stdout', 'stderr'] as const) {
    program[stream]?.setEncoding('utf8').on('data', (text: string) => send({ id, event: 'output', stream, text }))
  }
  const report = program.stdio[3] as Readable | undefined
  if (report) createInterface({ input: report }).on('line', (line) => send({ id, event: 'report', line }))
  const end = () => {
    if (programs.delete(id)) send({ id, event: 'exit', code: program.exitCode ?? 0, signal: program.signalCode })
  }
  program.on('close', end)
  program.on('exit', () => setTimeout(end, seconds(0.3))) // somebody whom it left behind may hold its output open
  program.stdin?.on('error', () => {}) // EPIPE: it did not want its input
  if (input !== undefined) program.stdin?.end(input)
}

function send(event: Event): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}
