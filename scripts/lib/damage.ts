/** A file that somebody broke, and how. */
export interface Damage {
  how: string
  source: Buffer
}

/** Breaks a file in one of many ways, the same one for the same seed. */
export function damage(source: string, random: () => number): Damage {
  const kind = pick(Object.keys(WAYS), random)
  return (WAYS[kind] as Way)(source, random)
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function pick<T>(all: readonly T[], random: () => number): T {
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
