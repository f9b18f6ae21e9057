import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type Box, type BoxOptions, type Lab, openLab, type Program } from '#given/labs.ts'
import { CLONE_NEWNET } from '#given/libc.ts'
import { NETWORK, type Network, type Port } from '#given/net/network.ts'
import { patience, seconds } from '#given/patience.ts'
import { together } from '#given/together.ts'
import { lesson } from './lesson.ts'

/** The lab's host has one leg in "the internet": a network namespace behind another cable. */
const HOST = '203.0.113.1'
const WORLD = '203.0.113.9'
const GATEWAY = '10.213.0.1'
const WAIT = 2 * patience() // seconds until a packet counts as lost
/** The kernel takes its time to forget: it waits for all who may still look. */
const FORGETS = { timeout: seconds(2), interval: 20 }

let host: Lab
let world: number
beforeAll(async () => {
  host = await openLab({ lesson })
  await sh(`mkdir -p /run/www/cgi-bin; echo hello > /run/www/index.html
    printf '#!/bin/sh\\na=\${REMOTE_ADDR#\\[::ffff:}; echo; echo \${a%%\\]}\\n' > /run/www/cgi-bin/who; chmod +x /run/www/cgi-bin/who`)
  const internet = host.spawn(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep 600'])
  await internet.until(() => internet.stdout.includes('\n'), 'the start of the internet')
  world = Number(internet.stdout)
  await sh(`ip link add wan type veth peer name eth0 netns ${world}
    ip address add ${HOST}/24 dev wan; ip link set wan up`)
  await sh(`ip address add ${WORLD}/24 dev eth0; ip link set eth0 up; ip link set lo up`, world)
  await serve(80, world)
})
afterAll(() => host?.close())

const NO_ETH0 = 'there is no eth0 in the container: `netns` and the pid put the other end of the cable there'
const NO_GATEWAY = 'the gateway is out of reach: setAddress() and bringUp() come before addDefaultRoute()'
const noFlag = "06.1 not written yet: flags is 0, so the container has the host's network"
const bridge: Network = { ...NETWORK, mode: 'bridge' }
/** With the flag, for the tasks that are not about it. */
const connected = (task: string, more: Partial<BoxOptions> = {}): BoxOptions => ({
  flags: { net: CLONE_NEWNET },
  network: bridge,
  task,
  ...more,
})

// Those of 06.1 run side by side: what one needs on the host has a name or a port of its own. All others share the bridge.
// Each has an `expect` of its own, which knows whose failure it is.
test.concurrent('06.1 a new network stack is empty: links, addresses, routes, neighbours, sockets, firewall, connections', async ({
  expect,
}) => {
  await fetch(`http://${WORLD}/`) // so that the host has a neighbour, and a connection that it remembers
  await sh(`nft 'table ip theirs { chain c { type filter hook input priority 0; ct state new accept; }; }'`)
  await fetch(`http://${WORLD}/`)
  await using _ = await serve(7001)
  const look = `ip -o link; ip -4 -o address; ip route; ip neighbour; ss -Htln; nft list tables; conntrack -L 2>/dev/null`
  const outside = await sh(look)
  for (const sign of ['wan', HOST, '203.0.113.0/24', 'lladdr', ':7001', 'table ip theirs', `dst=${WORLD}`])
    expect(outside, 'the host has all of these').toContain(sign)

  const box = await host.run(['sh', '-c', `readlink /proc/self/ns/net; ${look}`], { task: '06.1' })
  await expect(box).not.toComplain()
  const [own, link = '', ...rest] = box.stdout.trim().split('\n')
  expect(own, noFlag).not.toBe(await host.namespace('self', 'net'))
  expect(link, 'lo is there, and down until you bring it up: ioctl(2) with SIOCSIFFLAGS, netdevice(7)').toMatch(
    /lo: .*[<,]UP/,
  )
  expect(
    rest.map((line) => line.replace(/ +/g, ' ').split('\\')[0]?.trim()),
    'nothing but loopback and its address',
  ).toEqual(['1: lo inet 127.0.0.1/8 scope host lo'])
  await sh('nft delete table ip theirs')
})

test.concurrent('06.1 up, and what an interface was beside that, it stays', async ({ expect }) => {
  await sh('ip link add spare type veth peer name other')
  await host.call('bringUp', ['spare'], '06.1')
  const flags = (await link('spare'))?.flags
  expect(flags, 'the interface is down: SIOCSIFFLAGS with IFF_UP').toContain('UP')
  const why = 'it has lost its other flags: SIOCSIFFLAGS sets all of them, so ask for them first, SIOCGIFFLAGS'
  expect(flags, why).toContain('MULTICAST')
})

test.concurrent('06.1 two servers on one port, and each is asked in its own loopback', async ({ expect }) => {
  await using _ = await serve(7002)
  const one = host.exec(['sh', '-c', 'busybox nc -l -p 7002 -e echo mine'])
  await expect(one, 'on the host the port is taken').toComplain('in use')

  const ask = 'until ss -Htln | grep -q :7002; do sleep 0.02; done; busybox nc 127.0.0.1 7002'
  const script = `readlink /proc/self/ns/net; busybox nc -l -p 7002 -e echo mine & ${ask}`
  const box = await host.run(['sh', '-c', script], { task: '06.1' })
  const [own, ...answer] = box.stdout.split('\n')
  expect(own, `${noFlag}, and its port is taken there`).not.toBe(await host.namespace('self', 'net'))
  const up = 'the container asks its own loopback: is it up? ioctl(2) with SIOCSIFFLAGS'
  await expect(box, up).not.toComplain()
  expect(answer.join('\n'), up).toBe('mine\n')
  expect(await fetch('http://127.0.0.1:7002/'), "the host's server answers the host").toBe('hello')
})

test.concurrent('06.1 without a cable it reaches nothing, and nobody reaches it', async ({ expect }) => {
  await using _ = await serve(7003)
  const script = `readlink /proc/self/ns/net; ping -c 1 -W 1 127.0.0.1 | grep -o '1 received'
    exec 2>&1; ping -c 1 -W 1 ${WORLD}; ping -c 1 -W 1 ${HOST}; busybox nc 127.0.0.1 7003 < /dev/null; echo done`
  const box = await host.run(['sh', '-c', script], { task: '06.1' })
  await expect(box, 'its own loopback does not answer: is it up?').not.toComplain()
  const [own, loopback, ...rest] = box.stdout.split('\n')
  expect(own, noFlag).not.toBe(await host.namespace('self', 'net'))
  expect(loopback, 'its own loopback answers: is it up? ioctl(2) with SIOCSIFFLAGS').toBe('1 received')
  const [toWorld, toHost, toLoopback] = rest
  expect(toWorld, 'no way to the internet').toContain('Network is unreachable')
  expect(toHost, "no way to the host's address").toContain('Network is unreachable')
  expect(toLoopback, "the host's loopback is not the container's").toMatch(/refused|^done/)
})

test('06.2 a cable: one end on the host, the other is eth0 in the container', async () => {
  const id = 'ca61e0000001'
  await using box = await start(['sleep', '60'], connected('06.2', { id }))
  const cable = await link(`ws-${id}`)
  const why = `there is no link ws-${id} on the host: ip link add … type veth peer name eth0 netns PID`
  expect(cable, why).toMatchObject({ linkinfo: { info_kind: 'veth' } })
  const eth0 = await link('eth0', box.pid)
  expect(eth0, NO_ETH0).toBeDefined()
  expect(eth0?.link_index, 'eth0 is not the other end of that cable').toBe(cable?.ifindex)
  expect(eth0?.address, 'its hardware address is made of its address: `address`').toBe('02:57:0a:d5:00:02')
  expect(await links(), 'the other end must not be on the host').not.toContain('eth0')
  const allUp = 'what the host sends does not arrive: the cable, the bridge (06.3) and eth0 (06.4) must all be up'
  expect(await reach('10.213.0.2'), allUp).toBe(true)
})

test('06.2 the cable is gone with the container, even where somebody keeps its namespace', async () => {
  const id = 'ca61e0000002'
  const box = await start(['sleep', '60'], connected('06.2', { id }))
  const visitor = host.spawn(['nsenter', '-t', String(box.pid), '-n', 'sh', '-c', 'echo in; exec sleep 60'])
  await visitor.until(() => visitor.stdout.includes('in'), 'somebody entered its network namespace')
  await expect(box.stop('SIGTERM'), 'cleanup').not.toComplain()
  const why = `ws-${id} is left on the host. The kernel removes a cable with the namespace of one end, and somebody may keep that: cleanup has to say \`ip link delete\``
  await expect.poll(links, { message: why, ...FORGETS }).not.toContain(`ws-${id}`)
  visitor.signal('SIGKILL')
})

test('06.2 what a killed engine left, the next container cleans up', async () => {
  const id = 'ca61e0000003'
  const box = await start(['sleep', '60'], connected('06.2', { id }))
  await host.exec(['sh', '-c', `kill -9 $(ps -o ppid= -p ${box.pid})`]) // its engine
  await box.program.result
  const next = await host.run(['true'], connected('06.2', { network: NETWORK }))
  const why = 'cleanup runs in another process then, and knows the container by its id'
  await expect(next, why).not.toComplain()
  await expect(next, why).toEndWith(0)
  const message = `ws-${id} is left on the host`
  await expect.poll(links, { message, ...FORGETS }).not.toContain(`ws-${id}`)
})

test('06.3 a bridge with an address, and every cable leads there', async () => {
  await using both = await startTwo('06.3')
  const [one, two] = both
  expect(await link('ws-bridge'), 'ip link add ws-bridge type bridge').toMatchObject({
    linkinfo: { info_kind: 'bridge' },
  })
  const address = await sh('ip -4 -o address show dev ws-bridge')
  expect(address, 'the first container gives the bridge the address that is the gateway of all').toContain(
    `${GATEWAY}/24`,
  )
  const ports = await sh('ip -o link show master ws-bridge')
  expect(ports.split('\n'), 'both cables lead to the bridge: ip link set … master ws-bridge').toHaveLength(2)
  expect(
    await reach(GATEWAY, one.pid),
    'the bridge answers the container: is each end up, and the bridge itself?',
  ).toBe(true)
  expect(await reach('10.213.0.3', one.pid), 'one container reaches the other: are both cables up?').toBe(true)
  expect(await reach('10.213.0.2', two.pid)).toBe(true)

  await one.stop('SIGTERM')
  expect(await links(), 'the bridge stays while a container is on it').toContain('ws-bridge')
  await two.stop('SIGTERM')
  const message = 'after the last container the bridge goes'
  await expect.poll(links, { message, ...FORGETS }).not.toContain('ws-bridge')
})

test('06.4 an address, and the way out', async () => {
  const network = { ...bridge, address: '10.213.0.77' }
  await using box = await start(['sleep', '60'], connected('06.4', { network }))
  const address = await sh('ip -4 -o address show dev eth0', box.pid)
  expect(address, 'eth0 has no address: setAddress()').toContain('10.213.0.77/24')
  const flags = (await link('eth0', box.pid))?.flags
  expect(flags, 'eth0 is down: bringUp() is not for lo alone').toContain('UP')
  expect(await sh('ip route show default', box.pid), 'no default route: addDefaultRoute()').toContain(
    `via ${GATEWAY} dev eth0`,
  )
  await using _ = await serve(7004)
  expect(await fetch(`http://${HOST}:7004/`, box.pid), 'the container reaches the host at any of its addresses').toBe(
    'hello',
  )
})

test('06.5 the container reaches the internet in the name of the host', async () => {
  await using both = await startTwo('06.5')
  const [box, two] = both
  const forward = await host.read('/proc/sys/net/ipv4/ip_forward')
  expect(forward, 'the host drops what is not for itself: becomeRouter()').toBe('1\n')
  const seen = await fetch(`http://${WORLD}/cgi-bin/who`, box.pid)
  const why =
    'no answer: the server has no way to 10.213.0.2, which is nobody out there. masquerade, in a chain of type nat at the hook postrouting'
  expect(seen, why).toBe(HOST)

  await serve(80, two.pid)
  const inside = await fetch('http://10.213.0.3/cgi-bin/who', box.pid)
  expect(inside, 'among containers nobody is masked: oifname != "ws-bridge"').toBe('10.213.0.2')
  const host80 = await fetch('http://10.213.0.3/cgi-bin/who')
  expect(host80, 'nor is the host').toBe(GATEWAY)

  await Promise.all([box.stop('SIGTERM'), two.stop('SIGTERM')])
  const message = 'tables of the containers are left: cleanup has to say `nft delete table ip …`'
  await expect.poll(() => sh('nft list tables'), { message, ...FORGETS }).not.toContain('workshop')
  expect(await host.read('/proc/sys/net/ipv4/ip_forward'), 'a host that was no router is none afterwards').toBe('0\n')
})

test('06.6 a published port leads from the internet into the container', async () => {
  const ports = [publish(8061, 80), publish(8062, 53, { protocol: 'udp' }), publish(8063, 80, { ip: '127.0.0.1' })]
  await using box = await start(['sleep', '60'], connected('06.6', { network: { ...bridge, ports } }))
  const receive = `require('dgram').createSocket('udp4').on('message', (text) => console.log(String(text))).bind(53, () => console.log('up'))`
  const udp = host.spawn(['nsenter', '-t', String(box.pid), '-n', process.execPath, '-e', receive]) // has time to boot
  await Promise.all([serve(80, box.pid), serve(81, box.pid)])
  const client = await fetch(`http://${HOST}:8061/cgi-bin/who`, world)
  expect(client, 'dnat to the address and port of the container, in a chain of type nat at the hook prerouting').toBe(
    WORLD,
  )
  expect(await fetch(`http://${HOST}:81/`, world), 'what is not published is not reached').toBe('')
  expect(
    await fetch(`http://${HOST}:8063/`, world),
    'the port has an `ip`: match `ip daddr`, and not every address of the host',
  ).toBe('')
  await udp.until(() => udp.stdout.includes('up'), 'a program in the container waits for datagrams')
  await sh(`bash -c 'echo question > /dev/udp/${HOST}/8062'`, world)
  const datagram = 'the datagram that was sent to port 8062/udp: is the protocol in your rule?'
  await udp.until(() => udp.stdout.includes('question'), datagram, 3)
  udp.signal('SIGKILL')

  await using _ = await serve(8061, world)
  const out = await fetch(`http://${WORLD}:8061/cgi-bin/who`, box.pid)
  expect(
    out,
    'a container that asks port 8061 of another machine must reach that one: only what is for this host, fib daddr type local',
  ).toBe(HOST)
})

test('06.7 a published port leads from the host itself into the container, and from another container', async () => {
  // Where br_netfilter is loaded, even frames that never leave the bridge go through the firewall: not so on every host.
  await sh('[ ! -d /proc/sys/net/bridge ] || echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables')
  const network = { ...bridge, ports: [publish(8071, 80)] }
  await using both = await startTwo('06.7', network)
  const [box, other] = both
  await serve(80, box.pid)
  const own = await fetch(`http://${HOST}:8071/`)
  expect(own, 'what the host sends itself never arrives: the hook is output, its priority -100').toBe('hello')
  const loopback = await fetch('http://127.0.0.1:8071/cgi-bin/who')
  const masked =
    '127.0.0.1 is a different machine in the container, so there is no way back: masquerade what comes from there'
  expect(loopback, masked).toBe(GATEWAY)
  const hairpin = await fetch(`http://${HOST}:8071/`, other.pid)
  const why =
    'the answer goes straight to the other container, which asked somebody else: masquerade what comes from the subnet and was sent here by dnat'
  expect(hairpin, why).toBe('hello')
  const client = await fetch(`http://${HOST}:8071/cgi-bin/who`, world)
  expect(client, 'a client from outside is not masked: the container should know whom it serves').toBe(WORLD)
})

/** A shell script on the host, or in the network namespace of a process. */
async function sh(script: string, pid?: number): Promise<string> {
  const enter = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n']
  const { stdout, stderr, code } = await host.exec([...enter, 'sh', '-c', script])
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

/** Starts a container. */
async function start(argv: string[], options: BoxOptions): Promise<Box> {
  return host.start(argv, options).catch((error: Error) => {
    if (error.message.includes('ENODEV')) error.message += `\n${NO_ETH0}`
    if (error.message.includes('ENETUNREACH')) error.message += `\n${NO_GATEWAY}`
    throw error
  })
}

/** Two containers with the first two addresses. */
function startTwo(task: string, network = bridge): Promise<[Box, Box] & AsyncDisposable> {
  const at = (address: string, wish: Network) =>
    start(['sleep', '60'], connected(task, { network: { ...wish, address } }))
  const first = at('10.213.0.2', network)
  return together(
    first,
    first.then(() => at('10.213.0.3', bridge)),
  )
}

/** What a web server answers, asked from the host or from the network namespace of a process; nothing if it does not. */
async function fetch(url: string, pid?: number): Promise<string> {
  return sh(`timeout ${WAIT} busybox wget -q -O - ${url} 2> /dev/null || true`, pid)
}

async function reach(address: string, pid?: number): Promise<boolean> {
  return (await sh(`ping -c 1 -W ${WAIT} ${address} > /dev/null && echo yes || true`, pid)) === 'yes'
}

/** A web server, on the host or in the network namespace of a process. */
async function serve(port: number, pid?: number): Promise<AsyncDisposable> {
  const enter = pid === undefined ? [] : ['nsenter', '-t', String(pid), '-n']
  const server: Program = host.spawn([...enter, 'busybox', 'httpd', '-f', '-p', String(port), '-h', '/run/www'])
  await listening(port, pid)
  return {
    [Symbol.asyncDispose]: async () => {
      server.signal('SIGKILL')
      await server.result
    },
  }
}

async function listening(port: number, pid?: number): Promise<void> {
  await sh(`until ss -Htln | grep -q ':${port} '; do sleep 0.02; done`, pid)
}

interface Link {
  ifindex: number
  link_index?: number
  address: string
  flags: string[]
  linkinfo?: { info_kind: string }
}

async function link(name: string, pid?: number): Promise<Link | undefined> {
  const all: (Link & { ifname: string })[] = JSON.parse(await sh('ip -d -j link', pid))
  return all.find(({ ifname }) => ifname === name)
}

async function links(): Promise<string[]> {
  return JSON.parse(await sh('ip -j link')).map(({ ifname }: { ifname: string }) => ifname)
}

function publish(from: number, to: number, more: Partial<Port> = {}): Port {
  return { host: from, container: to, protocol: 'tcp', ...more }
}
