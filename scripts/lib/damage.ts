/*
 * A learner's file, broken in all the ways in which files break: does he always get a sentence?
 */
import { chalk } from '#given/show.ts'
import type { Found } from './lessons.ts'
import { type Answer, inClones, limitOf, referenceOf } from './trials.ts'

/** So many characters nobody reads. */
const TOO_MUCH = 40_000

/**
 * Breaks the references of these lessons, one at a time and in one of many ways, and checks them as a learner would. That
 * must end in time, with a sentence, and leave nothing behind. Returns what was not as it should be.
 *
 * @param first the seed of the first one; each has the next
 */
export async function tryDamage(lessons: Found[], times: number, first: number): Promise<string[]> {
  const faults: string[] = []
  const seeds = Array.from({ length: times }, (_, i) => first + i)
  await inClones(seeds, async (place, seed) => {
    const random = randomFrom(seed)
    const lesson = pick(lessons, random)
    const { how, source } = damage(referenceOf(lesson), random)
    const started = Date.now()
    const answer = await place.check([{ lesson, source }], [lesson.number], limitOf(lesson))
    const left = await place.leftovers()
    const found = [...complaints(answer), ...left.map((what) => `it left behind: ${what}`)]
    const title = `${String(seed).padStart(3)} ${lesson.folder}: ${how}`
    const pass = /(\d+ of \d+|All \d+|The one) checks? pass|Not all checks ran/.exec(answer.stdout)?.[0] ?? 'no verdict'
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`
    console.log(`${found.length > 0 ? chalk.red('✗') : chalk.green('✓')} ${title} ${chalk.dim(`${pass}, ${took}`)}`)
    if (found.length > 0) faults.push(`${title}\n      ${found.join('\n      ')}`)
  })
  return faults
}

/** What a learner should never see of us. */
function complaints({ code, stdout, stderr, late }: Answer): string[] {
  if (late) return ['it took too long']
  const output = stdout + stderr
  const found: string[] = []
  if (code !== 0 && code !== 1) found.push(`its exit code is ${code}: ${output.slice(-2000)}`)
  const trace = /^.*\n.*\n\s+at .+(:\d+:\d+|<anonymous>)\)?$/m.exec(output)?.[0]
  if (trace) found.push(`a stack trace:\n${trace}`)
  if (/^npm |^node:internal|\[object Object\]/m.test(output)) found.push(`words of Node's: ${output.slice(-2000)}`)
  if (output.length > TOO_MUCH) found.push(`${output.length} characters of output`)
  return found
}

/** A file that somebody broke, and how. */
interface Damage {
  how: string
  source: Buffer
}

/** Breaks a file in one of many ways, the same one for the same seed. */
function damage(source: string, random: () => number): Damage {
  const kind = pick(Object.keys(WAYS), random)
  return (WAYS[kind] as Way)(source, random)
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function pick<T>(all: readonly T[], random: () => number): T {
  return all[Math.floor(random() * all.length)] as T
}

type Way = (source: string, random: () => number) => Damage

const WAYS: Record<string, Way> = {
  truncate(source, random) {
    const at = Math.floor(random() * source.length)
    return { how: `truncated after ${at} characters`, source: Buffer.from(source.slice(0, at)) }
  },
  delete(source, random) {
    const { lines, at } = someLine(source, random)
    return { how: `line ${at + 1} deleted`, source: Buffer.from(lines.toSpliced(at, 1).join('\n')) }
  },
  double(source, random) {
    const { lines, at } = someLine(source, random)
    return { how: `line ${at + 1} doubled`, source: Buffer.from(lines.toSpliced(at, 0, lines[at] ?? '').join('\n')) }
  },
  garbage(source, random) {
    const at = Math.floor(random() * source.length)
    const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 8) }, () => Math.floor(random() * 256)))
    const text = Buffer.from(source)
    const how = `bytes ${bytes.toString('hex')} at ${at}`
    return { how, source: Buffer.concat([text.subarray(0, at), bytes, text.subarray(at)]) }
  },
  swap(source, random) {
    const at = Math.floor(random() * (source.length - 1))
    const [a, b] = [source[at] ?? '', source[at + 1] ?? '']
    return {
      how: `${JSON.stringify(a)} and ${JSON.stringify(b)} swapped at ${at}`,
      source: Buffer.from(source.slice(0, at) + b + a + source.slice(at + 2)),
    }
  },
  /** At the head of a function or of the file. */
  insert(source, random) {
    const lines = source.split('\n')
    const heads = lines.flatMap((line, i) => (/^(export )?function |^ {2}inside\(/.test(line) ? [i + 1] : []))
    const at = pick([lines.length, ...heads], random)
    const statement = pick(STATEMENTS, random)
    return { how: `line ${at + 1}: ${statement}`, source: Buffer.from(lines.toSpliced(at, 0, statement).join('\n')) }
  },
}

/** What a learner does by mistake, or to see what happens. */
const STATEMENTS = [
  'for (;;) {}',
  'process.exit()',
  'process.exit(3)',
  'process.abort()',
  "process.kill(process.pid, 'SIGKILL')",
  "console.log('x'.repeat(20_000_000))",
  "for (let i = 0; i < 100_000; i++) console.error('here', i)",
  'setInterval(() => {}, 1000)',
  "throw 'oh dear'",
  'throw undefined',
  'throw null',
  "Promise.reject(new Error('nobody waits for me'))",
  'process.chdir("/nowhere")',
  "process.stdout.write('\\x1b[2J\\x00')",
  '(function f() { f() })()',
  'for (let fd = 3; fd < 64; fd++) try { process.getBuiltinModule("fs").closeSync(fd) } catch {}',
  '}',
]

function someLine(source: string, random: () => number): { lines: string[]; at: number } {
  const lines = source.split('\n')
  return { lines, at: Math.floor(random() * lines.length) }
}
