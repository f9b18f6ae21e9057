import { type Lab, openLab } from '#given/labs.ts'
import type { Tour } from '#given/lesson.ts'
import { NAMESPACES, type Namespace } from '#given/proc.ts'
import { chalk, compare, heading, namespaceRows, say, table } from '#given/show.ts'
import { ROOTFS } from '#given/spec.ts'
import { mechanismNames } from '#given/stack.ts'
import { command } from './lib/command.ts'
import { type Key, pressKey } from './lib/keys.ts'
import { allLessons, type Found, findLesson } from './lib/lessons.ts'
import { warmCache } from './lib/warm.ts'

/** What the shell says after each answer. */
const END = 'that was the answer'

await command(
  {
    name: 'start',
    usage: 'npm start [LESSON]',
    about: 'The tour: a container grows before your eyes, one mechanism at a time.',
    options: { 'no-pause': { type: 'boolean', description: 'do not wait for Enter between the steps' } },
    examples: ['npm start', 'npm start 03              one step', 'npm start -- --no-pause   all of it at once'],
    needsLinux: true,
  },
  async ({ positionals, values }) => {
    const pause = process.stdin.isTTY && process.stdout.isTTY && !values['no-pause']
    const stops = await tourStops()
    const one = positionals[0] ? await findStop(stops, positionals[0]) : undefined
    warmCache()
    await using host = await openLab({ hostname: 'host', cgroups: true })
    if (one) {
      await visit(host, one)
      return 0
    }
    await greet(host)
    const seen: Seen[] = []
    for (const stop of stops) {
      if (pause && (await goOn()) === 'quit') return 0
      seen.push(await visit(host, stop, seen.at(-1)?.inside))
    }
    if (pause && (await goOn()) === 'quit') return 0
    summarize(seen)
    return 0
  },
)

/** A lesson on the tour, and the mechanisms that the container has by then. */
interface Stop {
  lesson: Found & { tour: Tour }
  names: string[]
}

interface Seen {
  stop: Stop
  /** The namespaces of its container. */
  inside: Record<Namespace, string>
  changed: Namespace[]
  host: string
  container: string
}

/** The lessons that have a step, in order. Each adds its mechanism to those before it. */
async function tourStops(): Promise<Stop[]> {
  const known = mechanismNames()
  const lessons = (await allLessons()).filter((lesson): lesson is Stop['lesson'] => lesson.tour !== undefined)
  return lessons.map((lesson, i) => {
    const sofar = lessons.slice(0, i + 1).map(({ name }) => name)
    return { lesson, names: sofar.filter((name) => known.includes(name)) }
  })
}

async function findStop(stops: Stop[], wish: string): Promise<Stop> {
  const { folder, number } = await findLesson(wish)
  const found = stops.find(({ lesson }) => lesson.folder === folder)
  if (!found) throw new Error(`lesson ${number} has no step on the tour. Its demo shows more: npm run demo ${number}`)
  return found
}

async function greet(host: Lab): Promise<void> {
  say(chalk.bold('What is a container? A process, started with some flags. Watch one grow.'))
  say('The "host" below is a lab, a throw-away host: your machine is not at risk.')
  const [first, child] = [await host.namespaces(1), await host.namespaces('self')]
  heading('00 · An ordinary process')
  say('Each process is in eight namespaces. A child is in those of its parent.')
  const rows = NAMESPACES.map((kind) => [kind, first[kind], child[kind], first[kind] === child[kind] ? 'shared' : ''])
  table(['', 'first process', 'its child', ''], rows)
}

/** @param before the namespaces of a container without this lesson's mechanism, such as that of the stop before */
async function visit(host: Lab, { lesson, names }: Stop, before?: Seen['inside']): Promise<Seen> {
  const { says, prepare, limits = {}, looks, but } = lesson.tour
  heading(`${lesson.number} · ${lesson.title}`)
  say(says)
  if (prepare) await host.exec(['sh', '-c', prepare])
  // One container for all that is asked, which then stays, to be looked at.
  const questions = looks.map(({ command }) => `${command}; echo ${END}`).join('; ')
  const root = { lower: [ROOTFS] } // for lesson 10: before, LAB_ROOTFS is the root
  const argv = ['sh', '-c', `${questions}; exec sleep 600`]
  await using box = await host.start(argv, { only: names, limits, hostname: 'box', ...root })
  await box.program.until(() => answers(box.program.stdout).length === looks.length, 'its answers')
  const there = answers(box.program.stdout)
  const here = answers((await host.exec(['sh', '-c', questions])).stdout)
  const outside = await host.namespaces('self')
  const inside = await host.namespaces(box.pid)
  const earlier =
    before ??
    (await namespacesWith(
      host,
      names.filter((name) => name !== lesson.name),
    ))
  const changed = NAMESPACES.filter((kind) => inside[kind] !== outside[kind] && earlier[kind] === outside[kind])
  const rows = looks.map(({ label }, i): [string, string, string] => [label, here[i] ?? '', there[i] ?? ''])
  compare([...rows, ...namespaceRows(outside, inside, changed)])
  if (changed.length === 0) say('None of the eight changed: this is no namespace.')
  say(chalk.dim(but))
  return { stop: { lesson, names }, inside, changed, host: rows[0]?.[1] ?? '', container: rows[0]?.[2] ?? '' }
}

async function namespacesWith(host: Lab, only: string[]): Promise<Seen['inside']> {
  await using box = await host.start(['sleep', '600'], { only })
  return await host.namespaces(box.pid)
}

/** The first line of each answer. */
function answers(stdout: string): string[] {
  const whole = stdout.split(`${END}\n`).slice(0, -1)
  return whole.map((text) => text.split('\n')[0] ?? '')
}

function summarize(seen: Seen[]): void {
  heading('All of it')
  table(
    ['', 'asked', 'host', 'container', 'namespace'],
    seen.map(({ stop: { lesson }, changed, host, container }) => [
      `${lesson.number} ${lesson.name}`,
      lesson.tour.looks[0]?.label ?? '',
      host,
      container,
      changed.join(' ') || '-',
    ]),
  )
  say('\nThat is a container: a process, and what the kernel tells it. Now write yours:')
  say(`  ${chalk.cyan('npm run demo 00')}    then read lessons/00-foundation/README.md`)
}

async function goOn(): Promise<Key> {
  return pressKey(chalk.dim('\nEnter goes on, q stops. '))
}
