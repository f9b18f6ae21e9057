/*
 * What checks say, as sentences: `await expect(box, why).toBeInOwnNamespace('uts')`. A failure tells the same four things
 * in every lesson: what was expected, what the kernel said, why (the check's own words), which man page to read.
 *
 * All of these are awaited: they ask the kernel, or wait for what a container still has to say. What they are given may
 * be a container that runs, what came of one that has ended, or the promise of either.
 */
import { constants } from 'node:os'
import { expect } from 'vitest'
import type { Box, Result } from './labs.ts'
import type { Namespace } from './proc.ts'
import { changesSince, type Snapshot } from './snapshot.ts'

export { expect }

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** It is a member of another namespace of this kind than the host. For a container that runs. */
    toBeInOwnNamespace: (kind: Namespace) => Promise<void>
    /** The host is as it was: its names, mounts, devices, IPC objects, links, firewall, groups, and nobody is left behind. */
    toLeaveTheHostUntouched: (before: Snapshot) => Promise<void>
    /**
     * Seen from within there are these and no others: processes, each with its number (`1 httpd`), or the files of a
     * folder. For a container that runs.
     */
    toSeeOnly: (what: 'processes' | `/${string}`, names: string[]) => Promise<void>
    /** It wrote this on standard output, and nothing on standard error. One that runs is given time for so many lines. */
    toSay: (text: string | RegExp) => Promise<void>
    /** It wrote something on standard error: these words, if there are some. */
    toComplain: (words?: string | RegExp) => Promise<void>
    /** Its command was started: neither the engine nor the lesson's code failed before. */
    toReachItsCommand: () => Promise<void>
    /** It ended with this exit code, or by this signal. */
    toEndWith: (end: number | NodeJS.Signals) => Promise<void>
    /** The kernel refused this call, such as `chroot(2)`, and that was told. Also for what a function of yours throws. */
    toBeRefused: (call: string, errno: string) => Promise<void>
  }
}

const ENGINE_ERROR = 125 // as in engine.ts, which a check need not load
type Ran = Result | Box
type Given = Ran | Promise<Ran>

expect.extend({
  async toBeInOwnNamespace({ host, pid }: Box, kind: Namespace) {
    const [own, theirs] = await Promise.all([host.namespace(pid, kind), host.namespace('self', kind)])
    if (!own) throw new Error(`process ${pid} has ended, so it is in no namespace any more`)
    return tell(own !== theirs, {
      expected: `${this.isNot ? "the host's" : 'its own'} ${kind} namespace`,
      kernel: `/proc/${pid}/ns/${kind} is ${own}, the host's is ${theirs}`,
      see: kind === 'mnt' ? 'mount_namespaces(7)' : `${kind === 'net' ? 'network' : kind}_namespaces(7)`,
    })
  },

  async toLeaveTheHostUntouched(given: Given, before: Snapshot) {
    const broken = unreached(await given, this.isNot)
    if (broken) return broken
    const changes = await changesSince(before)
    return tell(changes.length === 0, {
      expected: this.isNot ? 'a host that is not as it was' : 'the host as it was before',
      kernel: changes.map(({ words }) => words).join('\n') || 'all is as it was',
      see: [...new Set(changes.map(({ see }) => see))].join(', '),
    })
  },

  async toSeeOnly({ host, pid }: Box, what: string, names: string[]) {
    const look = what === 'processes' ? ['ps', '-e', '-o', 'pid=,comm='] : ['ls', '-A', what]
    const { stdout, stderr } = await host.exec(['nsenter', `--target=${pid}`, '--pid', '--mount', '--root', ...look])
    const lines = stdout.split('\n').map((line) => line.trim())
    const seen = lines.filter((line) => line !== '' && !(what === 'processes' && line.endsWith(' ps'))) // not who looks
    return tell(stderr === '' && this.equals(seen.toSorted(), names.toSorted()), {
      expected: `${what === 'processes' ? what : `in ${what}`}, and no others: ${names.join(', ') || '(none)'}`,
      kernel: stderr || seen.join(', ') || '(none)',
    })
  },

  async toSay(given: Given, text: string | RegExp) {
    const ran = await given
    const broken = unreached(ran, this.isNot)
    if (broken) return broken
    if ('program' in ran) await heard(ran, text)
    const { stdout, stderr } = output(ran)
    const pass = stderr === '' && (typeof text === 'string' ? stdout === text : text.test(stdout))
    return {
      ...tell(pass, { expected: quoted(text), kernel: stderr || stdout }),
      expected: text,
      actual: stderr || stdout,
    }
  },

  async toComplain(given: Given, words: string | RegExp = /./s) {
    const ran = await given
    const broken = this.isNot ? unreached(ran, true) : undefined
    if (broken) return broken
    const { stdout, stderr } = output(ran)
    const pass = typeof words === 'string' ? stderr.includes(words) : words.test(stderr)
    return tell(pass, {
      expected: this.isNot ? 'nothing on standard error' : `on standard error: ${quoted(words)}`,
      kernel: stderr || (stdout ? `nothing; on standard output: ${stdout}` : '(nothing)'),
    })
  },

  async toReachItsCommand(given: Given) {
    const ran = await given
    const kernel = 'program' in ran ? 'it runs' : `it ended with ${ran.code}\n${ran.stderr}`
    return unreached(ran, false) ?? tell(true, { expected: 'its command is not reached', kernel })
  },

  async toEndWith(given: Given, end: number | NodeJS.Signals) {
    const ran = await given
    const { code, stderr } = 'program' in ran ? await ran.program.result : ran
    const broken = end === ENGINE_ERROR ? undefined : unreached({ code, stderr, stdout: '' }, this.isNot)
    if (broken) return broken
    const pass = code === (typeof end === 'number' ? end : 128 + constants.signals[end])
    const kernel = `${ending(code)}\n${stderr}`.trimEnd()
    const see = typeof end === 'string' || code > 128 ? 'signal(7)' : ''
    return tell(pass, { expected: `${this.isNot ? 'another end than' : 'it ends with'} ${end}`, kernel, see })
  },

  async toBeRefused(given: unknown, call: string, errno: string) {
    const said = await Promise.resolve(given).then(refusal, refusal)
    const pass = new RegExp(`(^|\\s)${RegExp.escape(call)}( on .*)?: ${errno}\\b`).test(said)
    const expected = `${call} ${this.isNot ? 'does not fail' : 'fails'} with ${errno}`
    return tell(pass, { expected, kernel: said.replace(/^box: /, ''), see: call })
  },
})

interface Telling {
  expected: string
  kernel: string
  see?: string
}

/** The form of every failure; vitest puts the reason before it, and the reporter between. */
function tell(pass: boolean, { expected, kernel, see = '' }: Telling) {
  const lines = [`expected  ${expected}`, `kernel    ${kernel.trimEnd()}`, ...(see ? [`see       ${see}`] : [])]
  return { pass, message: () => `\n${lines.join('\n')}` }
}

const isRan = (value: unknown): value is Ran => value instanceof Object && ('program' in value || 'stderr' in value)
const output = (ran: Ran) => ('program' in ran ? ran.program : ran)
const quoted = (text: string | RegExp) => (text === '' ? '(nothing)' : String(text).trimEnd())

/** What somebody was told: the words of an error, or of a container on standard error. */
function refusal(value: unknown): string {
  if (isRan(value)) return output(value).stderr || 'nothing: it went well'
  return value instanceof Object && 'message' in value
    ? String(value.message)
    : `no error, but ${JSON.stringify(value)}`
}

/** Where the command was not even started, the engine's own words say why, and nothing else matters. */
function unreached(ran: unknown, isNot: boolean) {
  if (!isRan(ran) || 'program' in ran) return undefined
  if (ran.code !== ENGINE_ERROR && !ran.stderr.includes('not written yet')) return undefined
  return { pass: isNot, message: () => `\n${ran.stderr.trimEnd()}` }
}

/**
 * Waits until a container has said what one waits for, or as many lines. One that ends before, or complains, is not waited
 * for.
 */
async function heard({ program }: Box, text: string | RegExp): Promise<void> {
  const lines = String(text).trimEnd().split('\n')
  const last = `${lines.at(-1)}\n`
  const enough = () => program.stdout.split('\n').length > lines.length || program.stdout.endsWith(last)
  const over = () => enough() || program.ended || program.stderr !== ''
  await program.until(over, last).catch(() => {}) // what it has said by then tells more than that it was too little
}

function ending(code: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0]
  return `it ended with ${code}${signal ? `, which is 128 + ${signal}` : ''}`
}
