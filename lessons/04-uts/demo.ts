import { $ } from 'zx'
import { here } from '#given/labs.ts'
import { compare, heading, namespaceRows, say } from '#given/show.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: whatever is renamed here is not your machine.
await $`hostname host`
await using host = await here(lesson)
await using box = await host.start(['sleep', '60'], { hostname: 'box', domainname: 'lab.example' })
const inside = await $`nsenter --target ${box.pid} --uts sh -c 'hostname; domainname'`.lines()
const outside = await $`hostname; domainname`.lines()

heading('A container with a UTS namespace of its own')
compare([
  ['hostname', outside[0] ?? '', inside[0] ?? ''],
  ['domainname', outside[1] ?? '', inside[1] ?? ''],
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(box.pid), ['uts', 'ipc']),
])

heading('Again without CLONE_NEWUTS, the same two calls')
await using leaky = await host.start(['sleep', '60'], { hostname: 'box', domainname: 'lab.example', flags: { uts: 0 } })
const theirs = (await $`nsenter --target ${leaky.pid} --uts hostname`.text()).trim()
compare([
  ['hostname', (await $`hostname`.text()).trim(), theirs, 'you renamed the host'],
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(leaky.pid), ['uts']),
])
say('\nsethostname(2) changes the name of the UTS namespace that the caller is in.')
