import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '#given/errors.ts'
import { PR_SET_CHILD_SUBREAPER, prctl } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { tryDamage } from './lib/damage.ts'
import { buryOrphans, compareLedgers, type Ledger, takeLedger } from './lib/ledger.ts'
import { allLessons, findLesson } from './lib/lessons.ts'
import { tryMistakes } from './lib/mistakes.ts'

await command(
  {
    name: 'wrong',
    usage: 'npm run wrong [LESSON…]',
    about: `For who writes lessons: do the checks check?

Each typical mistake in scripts/tests/wrong/ is put into the learner's place, in a clone of the workshop. The check that
it names must fail, and its message must have the words that help. Each solution in another style must pass. Every check
must be failed by at least one mistake: a table shows which.`,
    options: {
      random: { type: 'string', value: 'N', description: 'break the references at random instead, N times' },
      seed: { type: 'string', value: 'S', description: 'which N: 1 unless given, and one more each time' },
    },
    examples: [
      'npm run wrong                                all of them',
      'npm run wrong 08                             those of a lesson',
      'npm run wrong -- --random 200                is there always a sentence, and never a leftover?',
      'npm run wrong -- --random 1 --seed 17        the one that went wrong, once more',
    ],
    needsLinux: true,
  },
  async ({ positionals, values }) => {
    const lessons = positionals.length > 0 ? await Promise.all(positionals.map(findLesson)) : await allLessons()
    const started = Date.now()
    // Orphans come to us instead of to the machine's pid 1: so we can tell what the checks left behind.
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    const before = takeLedger()
    const faults = values.random
      ? await tryDamage(lessons, count('random', values.random), count('seed', values.seed ?? '1'))
      : await tryMistakes(lessons)
    faults.push(...(await leftBehind(before)))
    const took = `${Math.round((Date.now() - started) / 1000)} s`
    if (faults.length === 0) console.log(`\n${chalk.green('All is as it should be.')} ${chalk.dim(took)}`)
    else console.log(`\n${chalk.red(`${faults.length} faults:`)} ${chalk.dim(took)}`)
    for (const fault of faults) console.log(`  ${chalk.red('✗')} ${fault}`)
    return faults.length === 0 ? 0 : 1
  },
)

function count(option: string, value: unknown): number {
  if (/^\d{1,6}$/.test(String(value))) return Number(value)
  throw new UsageError(`--${option} takes a number, not '${value}'`)
}

/**
 * What this machine has and did not have before. Others may use it: what is gone a moment later was theirs, or was
 * about to go.
 */
async function leftBehind(before: Ledger): Promise<string[]> {
  const look = () => {
    buryOrphans([])
    return compareLedgers(before, takeLedger()).filter(isOurs)
  }
  let left = look()
  for (const deadline = Date.now() + seconds(10); left.length > 0 && Date.now() < deadline; await sleep(100)) {
    const now = look()
    left = left.filter((line) => now.includes(line))
  }
  return left
}

/** In /tmp and /run others have files and mounts of their own; ours have the workshop's name. */
function isOurs(line: string): boolean {
  if (!line.includes('left behind')) return false
  return line.includes('workshop') || !/^(tmp|run): |^mounts: left behind: \/(tmp|run)\//.test(line)
}
