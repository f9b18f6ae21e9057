import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PR_SET_CHILD_SUBREAPER, prctl } from '#given/libc.ts'
import { seconds } from '#given/patience.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { chalk } from '#given/show.ts'
import { command } from './lib/command.ts'
import { buryOrphans, compareLedgers, takeLedger } from './lib/ledger.ts'
import { project } from './lib/lessons.ts'
import { judgeStarters, type VitestReport } from './lib/starters.ts'
import { warmCache } from './lib/warm.ts'

await command(
  {
    name: 'test',
    usage: 'npm test [FILTER…]',
    about: `Verifies every step: each lesson's checks against the reference, the engine and the commands; then that the
untouched starters fail as they should; and that the machine is as it was before.`,
    examples: ['npm test             everything', 'npm test 03          what has 03 in its file name'],
    needsLinux: true,
    elsewhere: async ({ positionals }) => {
      console.log("This is no Linux that may be broken, so the tests run in the workshop's VM: npm run test:vm")
      const { loudly } = await import('./vm/steps.ts')
      return loudly(process.execPath, ['--no-warnings', '--import', 'tsx', 'scripts/vm.ts', 'test', ...positionals])
    },
  },
  async ({ positionals }) => {
    // Orphans come to us instead of to the machine's pid 1: so we can tell what the tests left behind.
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ensureRootfs()
    warmCache()
    const before = takeLedger()
    const reference = await vitest(['--project', 'reference', '--project', 'workshop', ...positionals])
    const starters = positionals.length > 0 ? true : await checkStarters()
    const leaks = await waitForNothing(() => compareLedgers(before, takeLedger()))
    report(
      'The ledger',
      leaks,
      'mounts, links, firewall, cgroups, processes, IPC, /run and /tmp are as they were before',
    )
    return reference === 0 && starters && leaks.length === 0 ? 0 : 1
  },
)

async function vitest(args: string[], quiet = false): Promise<number> {
  const node = [join(project, 'node_modules/vitest/vitest.mjs'), 'run', ...args]
  const child = spawn(process.execPath, node, { stdio: quiet ? 'ignore' : 'inherit' })
  const bury = () => buryOrphans(child.pid ? [child.pid] : [])
  process.on('SIGCHLD', bury) // the end of an orphan is told to who has adopted it
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGTERM', forward)
  const code = await new Promise<number>((resolve) => child.on('exit', (status) => resolve(status ?? 1)))
  process.off('SIGTERM', forward)
  process.off('SIGCHLD', bury)
  return code
}

/** The other half of the proof: checks that an untouched starter passes would check nothing. */
async function checkStarters(): Promise<boolean> {
  const folder = mkdtempSync(join(project, '.workshop/starters-'))
  const file = join(folder, 'report.json')
  try {
    await vitest(['--project', 'learner', '--reporter', 'json', '--outputFile', file], true)
    const { faults, said } = await judgeStarters(JSON.parse(readFileSync(file, 'utf8')) as VitestReport)
    report('The starters', faults, said)
    return faults.length === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What dies, dies soon, but not at once. */
async function waitForNothing(look: () => string[]): Promise<string[]> {
  const deadline = Date.now() + seconds(3)
  for (;;) {
    buryOrphans([])
    const found = look()
    if (found.length === 0 || Date.now() > deadline) return found
    await sleep(100)
  }
}

function report(what: string, faults: string[], fine: string): void {
  if (faults.length === 0) console.log(`${chalk.green('✓')} ${what}: ${fine}`)
  else console.log(`${chalk.red('✗')} ${what}:`)
  for (const fault of faults) console.log(`    ${fault}`)
}
