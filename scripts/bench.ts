import { readdirSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { table } from '#given/show.ts'
import { type Measured, measure } from './bench/lib/measure.ts'
import { inPlace } from './bench/lib/place.ts'
import type { Subject } from './bench/lib/subject.ts'
import { callersFolder, command } from './lib/command.ts'
import { suggest } from './lib/suggest.ts'
import { warmCache } from './lib/warm.ts'

const SUBJECTS = readdirSync(new URL('bench', import.meta.url))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -3))
  .sort()

await command(
  {
    name: 'bench',
    usage: 'npm run bench [SUBJECT…]',
    about: `Measures how long it takes what one does with containers: the reference of this workshop, beside the tools that are
installed. The subjects are ${SUBJECTS.join(', ')}: all of them unless some are named. Each line is a whole command. The
candidates take turns, so that a noisy moment hits all alike. Memory is what stays beside a container and its command.`,
    options: {
      runs: {
        type: 'string',
        value: 'N',
        description: 'how often each is measured, after one warm-up; 10 or 20 unless given',
      },
      root: {
        type: 'string',
        value: 'FOLDER',
        description: 'the root file system of all containers; that of this workshop unless given',
      },
      json: { type: 'boolean', description: 'as JSON, times in milliseconds' },
    },
    examples: ['npm run bench              everything', 'npm run bench start        one subject'],
    needsLinux: true,
  },
  async ({ values, positionals }) => {
    const runs = values.runs === undefined ? undefined : Number(values.runs)
    if (runs !== undefined && (!Number.isInteger(runs) || runs < 1))
      throw new UsageError(`--runs ${values.runs}: a whole number from 1 up`)
    const unknown = positionals.find((name) => !SUBJECTS.includes(name))
    if (unknown !== undefined) throw new UsageError(`there is no subject '${unknown}'. ${suggest(unknown, SUBJECTS)}`)
    const root = values.root === undefined ? ensureRootfs() : resolve(callersFolder, String(values.root))
    if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
      throw new UsageError(`--root ${values.root}: there is no such folder`)
    warmCache()
    const machine = { node: process.version, cpus: cpus().length }
    const subjects: Record<string, Titled> = {}
    for (const name of positionals.length > 0 ? positionals : SUBJECTS) {
      subjects[name] = await measured(name, runs, root)
    }
    if (values.json) console.log(JSON.stringify({ ...machine, subjects }, null, 2))
    else {
      console.log(`Node ${machine.node}, ${machine.cpus} CPUs, times in milliseconds`)
      for (const one of Object.values(subjects)) print(one)
    }
    return 0
  },
)

type Titled = Measured & { title: string }

async function measured(name: string, wanted: number | undefined, root: string): Promise<Titled> {
  const { title, candidates, runs = 20 } = ((await import(`./bench/${name}.ts`)) as { default: Subject }).default
  const count = wanted ?? runs
  return inPlace(root, async (place) => {
    const result = await measure(await candidates(place), count, (round) => tell(`${name}: round ${round} of ${count}`))
    tell('')
    return { title, ...result }
  })
}

/** Says where it is, on a terminal: all of it takes minutes. */
function tell(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function print({ title, runs, results, skipped }: Titled): void {
  console.log(`\n${title}, ${runs} ${runs === 1 ? 'run' : 'runs'} each`)
  const ms = (n: number) => n.toFixed(1).padStart(8)
  const rows = results.map(({ name, ...r }) => [
    name,
    ms(r.median),
    ms(r.fastest),
    ms(r.slowest),
    `${r.ratio.toFixed(2)} ×`.padStart(8),
    ...(r.memory === undefined ? [] : [`${Math.round(r.memory)} KiB`.padStart(9)]),
  ])
  const more = results.some(({ memory }) => memory !== undefined) ? ['   memory'] : []
  table(['', '  median', ' fastest', ' slowest', `to ${results[0]?.name ?? ''}`, ...more], rows)
  for (const [name, why] of Object.entries(skipped)) console.log(`skipped: ${name}: ${why}`)
}
