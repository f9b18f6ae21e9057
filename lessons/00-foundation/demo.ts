import { $ } from 'zx'
import { here } from '#given/labs.ts'
import { chroot, kill } from '#given/libc.ts'
import { chalk, compare, heading, namespaceRows, type Row, say, table, transcript } from '#given/show.ts'
import { shared } from '#lesson/00-foundation/foundation.ts'
import { lesson } from './lesson.ts'
import { boot, type VirtualMachine, whereAreWe } from './vm.ts'

await using host = await here(lesson)
const shell = process.pid

heading('Your shell, and the first process of the machine')
transcript('ls -l --time-style=+ /proc/$$/ns', await $`ls -l --time-style=+ /proc/${shell}/ns`.text())
say('Ten links, eight namespaces: …_for_children says where the next child will be.')
say(`It shares with pid 1:         ${shared(shell, 1).join(' ')}`)
const other = $`unshare --uts --ipc sh -c 'echo up; sleep 60'`.nothrow()
for await (const _ of other) break // it has said that it is up
say(`After unshare --uts --ipc:    ${shared(shell, other.pid ?? 0).join(' ')}`)

heading('The same for any process, from the command line')
transcript(
  'lsns --noheadings --task $$ --output TYPE,NPROCS,PID | sort',
  await $`lsns --noheadings --task ${shell} --output TYPE,NPROCS,PID | sort`.text(),
)
transcript('head -n 1 /proc/$$/cgroup', await $`head -n 1 /proc/${shell}/cgroup`.text())

heading('Namespaces decide what you see, userland is what you bring, the kernel is shared')
await using box = await host.start(['sleep', '60'], { only: ['pid', 'mount'], hostname: 'box' })
const facts = {
  processes: 'ps -e --no-headers | wc -l',
  'os-release': '. /etc/os-release; echo $ID',
  'uname -r': 'uname -r',
  'booted at': 'date -d @$(sed -n "s/^btime //p" /proc/stat) +%T',
  'memory, MiB': "awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo",
}
const rows: Row[] = []
for (const [label, script] of Object.entries(facts)) {
  const [ours = ''] = await $`sh -c ${script}`.lines()
  const [theirs = ''] = await $`nsenter --target ${box.pid} --pid --mount sh -c ${script}`.lines()
  rows.push([label, ours, theirs, ours === theirs ? "the host's" : 'its own'])
}
compare([
  ...rows,
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(box.pid), ['pid', 'mnt', 'net']),
])

heading('A container cannot bring another kernel, or another CPU')
const ITANIUM = '2' // e_machine 50, the byte at 18 of an ELF file: elf(5)
await $`cp /bin/true /run/workshop/rootfs/itanium`
await $`printf ${ITANIUM} | dd of=/run/workshop/rootfs/itanium bs=1 seek=18 conv=notrunc status=none`
const foreign = await host.run(['/itanium'], { only: ['chroot'] })
transcript('/itanium', `${foreign.stderr.replace('kernel: ', 'kernel:\n  ')}exit code ${foreign.code}`)

heading('A virtual machine beside it: that one does bring a kernel, and a CPU')
say(whereAreWe())
const machine = await boot()
if (typeof machine === 'string') say(`No other one to put beside the container here: ${machine}.`)
else await beside(machine)

heading('A call that fails says so by name: errno(3)')
for (const call of [() => chroot('/no/such/folder'), () => chroot('/etc/passwd'), () => kill(4194305, 0)]) {
  try {
    call()
  } catch (error) {
    const { message, detail } = error as { message: string; detail: string }
    say(`${chalk.cyan(detail.padEnd(28))}   ${message.replace(/.*: /, '')}`)
  }
}
await other.kill()

/** A virtual machine and a container, both asked from inside and looked at from the host. */
async function beside(machine: VirtualMachine): Promise<void> {
  await using _ = machine
  const began = performance.now()
  await host.run(['true'], { only: ['pid', 'mount'] })
  const container = performance.now() - began
  const inside = async (script: string) => $`nsenter --target ${box.pid} --pid --mount sh -c ${script}`.text()
  const names = async (pid: number) => (await $`ps -o comm= --pid ${pid}`.text()).trim()
  const resident = async (pid: number) => `${Math.round(Number(await $`ps -o rss= --pid ${pid}`.text()) / 1024)} MiB`
  const { kernel = '', memory = '', processes = '' } = machine.facts
  table(
    ['', 'container', 'virtual machine'],
    [
      ['executed by', 'the CPU', machine.accelerator === 'KVM' ? 'the CPU, by KVM' : 'QEMU, by emulation'],
      ['start', `${(container / 1000).toFixed(2)} s`, `${(machine.took / 1000).toFixed(1)} s, the kernel alone`],
      ['uname -r inside', (await inside('uname -r')).trim(), kernel],
      ['memory inside', `${(await inside(facts['memory, MiB'])).trim()} MiB`, `${memory} MiB`],
      ['processes inside', (await inside(facts.processes)).trim(), `${processes}, its kernel's threads with them`],
      ['seen by the host', await names(box.pid), `${await names(machine.pid)}, and nothing in it`],
      ['its memory there', await resident(box.pid), await resident(machine.pid)],
    ],
  )
}
