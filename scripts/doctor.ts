import { chalk } from '#given/show.ts'
import { examine, type Finding } from './doctor/checks.ts'
import { thisHost } from './doctor/host.ts'
import { command } from './lib/command.ts'

const MARK = { ok: chalk.green('✓'), warning: chalk.yellow('!'), missing: chalk.red('✗') }

await command(
  {
    name: 'doctor',
    usage: 'npm run doctor',
    about: 'Looks whether this machine has what the workshop needs: a line each, and the command that mends it.',
    options: { json: { type: 'boolean', description: 'as JSON, for programs' } },
    examples: ['npm run doctor', 'npm run --silent doctor -- --json'],
  },
  async ({ values }) => {
    const findings = examine(thisHost)
    const healthy = findings.every(({ verdict }) => verdict !== 'missing')
    if (values.json) console.log(JSON.stringify({ ok: healthy, findings }, null, 2))
    else report(findings, healthy)
    return healthy ? 0 : 1
  },
)

function report(findings: Finding[], healthy: boolean): void {
  for (const { name, verdict, said, mend } of findings) {
    console.log(`${MARK[verdict]} ${name.padEnd(12)} ${verdict === 'ok' ? '' : `${verdict}: `}${said}`)
    if (mend) console.log(`  ${' '.repeat(12)} ${chalk.cyan(mend)}`)
  }
  console.log(healthy ? '\nNothing that is needed is missing.' : '\nSomething that is needed is missing: see ✗.')
}
