import type { Right, Wrong } from './wrong.ts'

const ORPHANS = '02.3 orphans that have ended'
const CODES = '02.3 reap gives the exit code'
const LOOP = 'for (let ended = waitpid(-1, WNOHANG); ended; ended = waitpid(-1, WNOHANG)) {'

export const wrong: Wrong[] = [
  {
    name: 'no pid namespace',
    change: [['flags: CLONE_NEWPID', 'flags: 0']],
    check: '02.1',
    says: /flags asks for no pid namespace/,
  },
  {
    name: 'a UTS namespace in its place',
    change: [
      ['CLONE_NEWPID, exitCode', 'CLONE_NEWUTS, exitCode'],
      ['flags: CLONE_NEWPID', 'flags: CLONE_NEWUTS'],
    ],
    check: '02.1',
    says: /flags asks for no pid namespace/,
  },
  {
    name: 'the flag that is another number: CLONE_PID of Linux 2.4',
    change: [['flags: CLONE_NEWPID', 'flags: 0x1000']],
    check: '02.1 one process',
    says: /flags|EINVAL/,
  },
  {
    name: 'only the number on the host',
    change: [["status(hostPid, 'NSpid')", "status(hostPid, 'Pid')"]],
    check: '02.2 pidsOf',
    says: /NSpid in \/proc\/<pid>\/status/,
  },
  {
    name: 'only the first and the last number',
    change: [['.map(Number) ?? []', '.map(Number).filter((_, i, all) => i === 0 || i === all.length - 1) ?? []']],
    check: '02.2 a container in a container',
    says: /one number for each pid namespace/,
  },
  {
    name: 'the numbers from the inside out',
    change: [['.map(Number) ?? []', '.map(Number).reverse() ?? []']],
    check: '02.2',
    says: /NSpid/,
  },
  {
    name: 'its own numbers, whoever was asked for',
    change: [["status(hostPid, 'NSpid')", "status('self', 'NSpid')"]],
    check: '02.2 pidsOf',
    says: /NSpid/,
  },
  {
    name: 'one child for each signal',
    change: [[LOOP, 'const ended = waitpid(-1, WNOHANG)\n    if (ended) {']],
    check: ORPHANS,
    says: /three children ended, one SIGCHLD came/,
  },
  {
    name: 'waits for a child that runs',
    change: [[LOOP, 'for (let ended = waitpid(-1); ended; ended = waitpid(-1)) {']],
    check: '02.3',
    says: /wait for a child that still runs\? waitpid\(2\), WNOHANG/,
  },
  {
    name: 'reaps nobody',
    change: [[LOOP, 'for (const ended of [] as { pid: number; status: number }[]) {']],
    check: ORPHANS,
    says: /call waitpid\(2\) until it has no more/,
  },
  {
    name: 'the wait status for the exit code',
    change: [['exitCode(ended.status)', 'ended.status']],
    check: CODES,
    says: /the code that reap has for its command|exitCode\(\)/,
  },
  {
    name: 'children reaped, and not told of',
    change: [['codes.set(ended.pid, exitCode(ended.status))', 'exitCode(ended.status)']],
    check: CODES,
    says: /is it in what reap returns/,
  },
  {
    name: 'no children taken for an error',
    change: [["!== 'ECHILD'", "=== 'ECHILD'"]],
    check: CODES,
    says: /ECHILD/,
  },
  {
    name: 'only SIGTERM passed on',
    change: [
      ["'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as", "'SIGTERM'] as"],
    ],
    check: '02.4',
    says: /does forward kill\(child, …\) for each name/,
  },
  {
    name: 'SIGTERM for every signal',
    change: [['constants.signals[name]', 'constants.signals.SIGTERM']],
    check: '02.4',
    says: /SIGHUP at the command/,
  },
  {
    name: 'the signal for all in the container',
    change: [['kill(child,', 'kill(-1,']],
    check: '02.4',
    says: /the others in the container are not meant/,
  },
  {
    name: 'each signal more than once',
    change: [
      [
        '() => kill(child, constants.signals[name])',
        // Later, since a signal that is still pending is not sent a second time: signal(7). And soon, or the check is over.
        '() => [0, 5, 30].forEach((time) => setTimeout(() => kill(child, constants.signals[name]), time))',
      ],
    ],
    check: '02.4',
    says: /each signal once/,
  },
]

export const right: Right[] = [
  {
    name: 'the file read by hand, while (true), each signal by itself',
    change: [
      ["import { status } from '#given/proc.ts'", "import { readFileSync } from 'node:fs'"],
      ["import { constants } from 'node:os'\n", ''],
    ],
    instead: {
      pidsOf: `
export function pidsOf(hostPid: number): number[] {
  const lines = readFileSync(\`/proc/\${hostPid}/status\`, 'utf8').split('\\n')
  const line = lines.find((one) => one.startsWith('NSpid:')) ?? ''
  return line.trim().split(/\\s+/).slice(1).map((word) => Number.parseInt(word, 10))
}`,
      reap: `
export function reap(): Map<number, number> {
  const codes: [number, number][] = []
  while (true) {
    try {
      const child = waitpid(-1, WNOHANG)
      if (child === undefined) break
      codes.push([child.pid, exitCode(child.status)])
    } catch {
      break
    }
  }
  return new Map(codes)
}`,
      forward: `
export function forward(child: number): void {
  const pass = (_name: string, number: number) => process.kill(child, number)
  for (const name of FORWARDED) process.on(name, pass)
}`,
    },
  },
  {
    name: 'recursion, signals by name, more signals than one sends',
    change: [
      ["import { constants } from 'node:os'\n", ''],
      ["'SIGCONT', 'SIGWINCH'] as const", "'SIGCONT', 'SIGWINCH', 'SIGALRM', 'SIGIO'] as const"],
      ['exitCode, kill, WNOHANG', 'exitCode, WNOHANG'],
    ],
    instead: {
      pidsOf: `
export function pidsOf(hostPid: number): number[] {
  return (status(hostPid, 'NSpid') ?? '').split(/\\s/).map((text) => +text)
}`,
      reap: `
export function reap(codes = new Map<number, number>()): Map<number, number> {
  let ended: ReturnType<typeof waitpid>
  try {
    ended = waitpid(-1, WNOHANG)
  } catch (error) {
    if (String(error).includes('ECHILD')) return codes
    throw error
  }
  return ended ? reap(codes.set(ended.pid, exitCode(ended.status))) : codes
}`,
      forward: `
export function forward(child: number): void {
  FORWARDED.forEach((name) => {
    process.addListener(name, (signal: NodeJS.Signals) => {
      process.kill(child, signal)
    })
  })
}`,
    },
  },
]
