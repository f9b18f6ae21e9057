import { setTimeout as sleep } from 'node:timers/promises'
import { $ } from 'zx'
import { type BoxOptions, here } from '#given/labs.ts'
import { CLONE_NEWNET } from '#given/libc.ts'
import { NETWORK, type Network } from '#given/net/network.ts'
import { compare, heading, type Row, say, table, transcript } from '#given/show.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: none of these links, addresses and rules is on your machine.
await using host = await here(lesson)
const bridge: Network = { ...NETWORK, mode: 'bridge' }
const full: BoxOptions = { only: ['net', 'uts', 'mount'], network: bridge }

/** A shell script on the host, or in the network namespace of a process. */
const sh = async (script: string, pid?: number) => {
  const enter = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n']
  return (await $({ nothrow: true })`${enter} sh -c ${`exec 2>&1; ${script}`}`.text()).trimEnd()
}
const tidy = (text: string) => text.replace(/[ \t]+$/gm, '').replace(/^\t+/gm, '  ')
const show = async (command: string, pid?: number) => transcript(command, tidy(await sh(command, pid)))
/** A web server that says whom it sees. */
const serve = async (port: number, pid?: number) => {
  const enter = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n']
  host.spawn([...enter, 'busybox', 'httpd', '-f', '-p', String(port), '-h', '/run/www'])
  await sh(`until ss -Htln | grep -q ':${port} '; do sleep 0.02; done`, pid)
}
const ask = async (where: string, pid?: number) => {
  return (await sh(`timeout 2 busybox wget -q -O - http://${where}/cgi-bin/who`, pid)).replace(/^.*: /, '')
}

await $`mkdir -p /run/www/cgi-bin`
const who = '#!/bin/sh\necho; echo hello, $(echo $REMOTE_ADDR | tr -d [] | sed s/::ffff://)\n'
await $({ input: who })`tee /run/www/cgi-bin/who`
await $`chmod +x /run/www/cgi-bin/who`

// The internet: a network namespace behind another cable.
const internet = host.spawn(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep 600'])
await internet.until(() => internet.stdout.includes('\n'), 'the internet is there')
const world = Number(internet.stdout)
await sh(
  `ip link add wan type veth peer name eth0 netns ${world}; ip address add 203.0.113.1/24 dev wan; ip link set wan up`,
)
await sh('ip link set lo up; ip address add 203.0.113.9/24 dev eth0; ip link set eth0 up', world)
await serve(80, world)

heading('A new network namespace: everything is there once more, and empty')
await serve(8000)
await sh(`nft 'table ip theirs { chain c { type filter hook input priority 0; ct state new accept; }; }'`)
await ask('203.0.113.9')
const looks = [
  'ip -o link | wc -l',
  'ip -4 -o address | wc -l',
  'ip route | wc -l',
  'ip neighbour | wc -l',
  'ss -Htln | wc -l',
  'nft list tables | wc -l',
  'conntrack -L 2>/dev/null | wc -l',
  'readlink /proc/self/ns/net',
]
const labels = [
  'links',
  'IPv4 addresses',
  'routes',
  'neighbours',
  'sockets that listen',
  'firewall tables',
  'connections',
  'ns/net',
]
const theirs = (await host.run(['sh', '-c', looks.join('; ')])).stdout.split('\n')
const ours = (await sh(looks.join('; '))).split('\n')
compare(labels.map((label, i): Row => [label, ours[i] ?? '', theirs[i] ?? '', 'its own']))
await sh('nft delete table ip theirs')

heading('By hand: a namespace, a cable, two addresses')
await show('ip netns add box')
await show('ip link add cable type veth peer name eth0 netns box')
await show('ip address add 10.0.0.1/24 dev cable; ip link set cable up')
await show('ip -n box address add 10.0.0.2/24 dev eth0; ip -n box link set eth0 up')
await show('ping -c 1 10.0.0.2 | grep received')
await sh('ip netns delete box')

heading('What lesson 06 makes of it: two containers on a bridge')
const ids = ['c0ffee000001', 'c0ffee000002'] as const
await using one = await host.start(['sleep', '600'], {
  ...full,
  id: ids[0],
  name: 'one',
  network: { ...bridge, ports: [{ host: 8080, container: 80, protocol: 'tcp' }] },
})
await using two = await host.start(['sleep', '600'], { ...full, id: ids[1], name: 'two' })
await show('ip -br link show master ws-bridge | cut -c -33')
await show('ip -br -4 address show dev ws-bridge')
transcript('ip -br -4 address    # in the first', tidy(await sh('ip -br -4 address', one.pid)))
transcript('ip route             # in the first', tidy(await sh('ip route', one.pid)))
transcript('cat /etc/hosts       # in the first', tidy(await sh(`cat /proc/${one.pid}/root/etc/hosts`)))

heading('Who reaches whom, and whom the server sees')
await serve(80, one.pid)
await serve(80, two.pid)
const ways: [from: string, to: string, address: string, pid?: number][] = [
  ['the host', 'a container', '10.213.0.2'],
  ['a container', 'the host', '10.213.0.1:8000', two.pid],
  ['a container', 'another, same port', '10.213.0.2', two.pid],
  ['a container', 'the internet', '203.0.113.9', two.pid],
  ['the internet', 'a container', '10.213.0.2', world],
  ['the internet', 'a published port', '203.0.113.1:8080', world],
  ['the host', 'a published port', '127.0.0.1:8080'],
  ['a container', 'a published port', '203.0.113.1:8080', two.pid],
]
const asked: string[][] = []
for (const [from, to, address, pid] of ways) asked.push([from, to, address, await ask(address, pid)])
table(['from', 'to', 'at', 'answer'], asked)

heading('Why: a rule for what leaves, and one for what arrives')
await show(`nft list table ip workshop-${ids[0]} | grep -E 'priority|oifname|dnat to'`)

heading('Without a cable: --net none')
await using none = await host.start(['sleep', '600'], { flags: { net: CLONE_NEWNET } })
await show('ping -c 1 203.0.113.9', none.pid)

heading('After the end')
for (const box of [one, two]) await box.stop('SIGTERM')
while ((await sh('nft list tables; ip link show ws-bridge 2>/dev/null')) !== '') await sleep(20)
await show('echo $(ls /sys/class/net)')
say('The tables, the cables and the bridge are gone with the last container.')
