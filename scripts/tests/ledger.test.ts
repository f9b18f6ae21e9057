import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { project } from '../lib/lessons.ts'

const LEAKS = [
  ['nothing', 'true', /^$/],
  ['a mount', 'mkdir /tmp/m && mount -t tmpfs leak /tmp/m', /mounts: left behind: \/tmp\/m \(tmpfs leak/],
  ['a mount that is gone', 'umount /dev/mqueue', /mounts: no longer there: \/dev\/mqueue/],
  ['a link', 'ip link add ws-leak type veth', /links: left behind: ws-leak/],
  ['a table', 'nft add table ip leak', /nftables: left behind: table ip leak/],
  ['a router', 'echo 1 > /proc/sys/net/ipv4/ip_forward', /router: left behind: ip_forward=1/],
  ['a file', 'touch /run/workshop-leak', /run: left behind: workshop-leak/],
  ['changes of a container', 'mkdir -p /run/workshop/containers/leak', /changes: left behind: leak/],
  ['a segment', 'ipcmk -M 4096', /ipc: left behind: /],
  ['a name', 'hostname leaked', /hostname: left behind: leaked/],
  ['nothing of what was there before', 'true', /^$/],
] as const

/** Runs shell commands in a lab, each between two ledgers, and prints what the second says against the first. */
const program = `
  const { takeLedger, compareLedgers } = await import('${join(project, 'scripts/lib/ledger.ts')}')
  const { execFileSync } = await import('node:child_process')
  const found = []
  for (const commands of ${JSON.stringify(LEAKS.map(([, commands]) => commands))}) {
    const before = takeLedger()
    execFileSync('sh', ['-c', commands], { stdio: 'ignore' })
    found.push(compareLedgers(before, takeLedger()).join('\\n'))
  }
  console.log(JSON.stringify(found))`

let found: string[]
beforeAll(async () => {
  await using host = await openLab({ hostname: 'host', cgroups: true }) // its own: other tests' containers come and go
  const { stdout, stderr } = await host.exec([process.execPath, '--no-warnings', '--input-type=module', '-e', program])
  expect(stderr).toBe('')
  found = JSON.parse(stdout)
})

test.for(LEAKS.map(([what, , finding], i) => [what, finding, i] as const))('the ledger finds %s', ([, finding, i]) => {
  expect(found[i]).toMatch(finding)
})
