import type { Candidate } from './subject.ts'

/** Times in milliseconds. */
export interface Result {
  name: string
  median: number
  fastest: number
  slowest: number
  /** Times the median of the first. */
  ratio: number
  /** In KiB for each container, beside its command: the median. */
  memory?: number
}

export interface Measured {
  runs: number
  results: Result[]
  /** Why each of the others was not measured. */
  skipped: Record<string, string>
}

/**
 * Measures so many runs of each, after one that nobody measures. The candidates take turns, so that a noisy moment hits
 * all alike; who fails is out.
 */
export async function measure(all: Candidate[], runs: number, tell: (round: number) => void): Promise<Measured> {
  const times = new Map<Candidate, Sample[]>()
  const skipped: Record<string, string> = {}
  const attempt = async (one: Candidate, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      times.delete(one)
      skipped[one.name] = (error as Error).message
    }
  }
  for (const one of all) {
    if (one.missing !== undefined) skipped[one.name] = one.missing
    else times.set(one, [])
  }
  try {
    for (const one of [...times.keys()]) await attempt(one, async () => one.prepare?.())
    for (let round = 0; round <= runs; round++) {
      tell(round)
      for (const [one, own] of [...times]) {
        await attempt(one, async () => {
          const took = await time(one)
          if (round > 0) own.push(took)
        })
      }
    }
  } finally {
    for (const one of all) if (one.missing === undefined) await attempt(one, async () => one.close?.())
  }
  return { runs, results: results(times), skipped }
}

interface Sample {
  took: number
  memory: number | undefined
}

async function time({ run, memory, after }: Candidate): Promise<Sample> {
  const started = process.hrtime.bigint()
  await run()
  const took = Number(process.hrtime.bigint() - started) / 1e6
  const sample = { took, memory: memory?.() }
  await after?.()
  return sample
}

function results(samples: Map<Candidate, Sample[]>): Result[] {
  const times = new Map([...samples].map(([one, own]) => [one, own.map(({ took }) => took)]))
  const [first = []] = times.values()
  return [...times].map(([one, own]) => {
    const memory = samples.get(one)?.flatMap((sample) => sample.memory ?? []) ?? []
    return {
      name: one.name,
      median: round(median(own)),
      fastest: round(Math.min(...own)),
      slowest: round(Math.max(...own)),
      ratio: round(median(own) / median(first)),
      ...(memory.length > 0 ? { memory: round(median(memory)) } : {}),
    }
  })
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2
}

function round(n: number): number {
  return Math.round(n * 100) / 100
}
