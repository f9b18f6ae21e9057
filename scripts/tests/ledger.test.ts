import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { project } from '../lib/lessons.ts'

/** Runs shell commands between two ledgers, in a lab, and returns what the ledger found. */
async function leak(commands: string): Promise<string> {
  await using host = await openLab({ hostname: 'host' })
  const program = `
    const { takeLedger, compareLedgers } = await import('${join(project, 'scripts/lib/ledger.ts')}')
    const { execFileSync } = await import('node:child_process')
    const before = takeLedger()
    execFileSync('sh', ['-c', ${JSON.stringify(commands)}], { stdio: 'ignore' })
    console.log(compareLedgers(before, takeLedger()).join('\\n'))`
  const { stdout, stderr } = await host.exec([process.execPath, '--no-warnings', '--input-type=module', '-e', program])
  expect(stderr).toBe('')
  return stdout.trim()
}

test.for([
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
] as const)('the ledger finds %s', async ([, commands, finding]) => {
  expect(await leak(commands)).toMatch(finding)
})
