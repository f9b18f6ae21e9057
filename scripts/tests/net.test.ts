import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Lab, openLab, type Program, type Result } from '#given/labs.ts'
import { findPlace, type Lease, refuseTaken } from '#given/net/leases.ts'
import type { Network, Port } from '#given/net/network.ts'
import { overlap, parseSubnet } from '#given/net/subnet.ts'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'
import * as options from '../box/options/network.ts'
import { refusals } from './refusals.ts'

// Containers with a network run in a lab, which has a bridge, rules and routes of its own.

const ROOTFS = '/run/workshop/rootfs'
/** How much of the load to apply: 0.1 in the emulated VM. */
const LOAD = Number(process.env.WORKSHOP_LOAD ?? 1)

let host: Lab
beforeAll(async () => {
  host = await openLab()
})
afterAll(() => host?.close())

const command = (args: string[]) => [process.execPath, '--no-warnings', `${project}/scripts/box.ts`, 'run', ...args]
/** A whole container of the reference, as somebody would start it in the lab. */
const box = (options: string[], argv: string[], env = {}): Promise<Result> =>
  host.exec(command(['--reference', ...options, ROOTFS, '--', ...argv]), { env, timeout: 20 })
const sh = async (script: string) => (await host.exec(['sh', '-c', script])).stdout.trim()

/** A container that stays until it is told to go, once its command has said `ready`. */
async function stay(options: string[], script = 'echo ready; read _'): Promise<Program & AsyncDisposable> {
  const program = host.spawn(command(['--reference', '--init', ...options, ROOTFS, '--', 'sh', '-c', script]))
  await program.until(() => program.stdout.includes('ready'), 'it is ready', 20)
  return Object.assign(program, {
    async [Symbol.asyncDispose]() {
      program.write('\n')
      await program.result
    },
  })
}

/** What a network leaves on a host: links, tables, files, and whether it is a router. */
const traces = () =>
  sh('ls /sys/class/net /run/container-workshop 2>/dev/null; nft list tables; cat /proc/sys/net/ipv4/ip_forward')
async function nothingLeft(why: string): Promise<void> {
  const clean = '/sys/class/net:\nlo\n0'
  const look = async () => (await traces()).replace(/\n+/g, '\n')
  for (const deadline = Date.now() + seconds(3); (await look()) !== clean && Date.now() < deadline; ) await sleep(20)
  expect(await look(), why).toBe(clean)
}

describe('bad input: what, why, what to do, and the exit code', () => {
  const table: [args: string[], message: RegExp, env?: Record<string, string>][] = [
    [['--net', 'bride'], /--net bride: there are bridge, none, host/],
    [[], /WORKSHOP_NET=x\\ny: there are bridge, none, host/, { WORKSHOP_NET: 'x\ny' }],
    [['--net', 'none', '--publish', '80:80'], /--publish is for a container on the bridge, and it has no network/],
    [['--net', 'host', '--ip', '10.213.0.9'], /--ip is for a container on the bridge, and it has all addresses/],
    ...(['80', '80:', ':80', 'a:80', '80:80:80:80', '0:80', '80:65536', '-1:80', '1e2:80', '80:80/'] as const).map(
      (port): [string[], RegExp] => [
        ['--net', 'bridge', `--publish=${port}`],
        /--publish .*: (it wants HOST:CONTAINER|'.*' is no|'' is neither)/,
      ],
    ),
    [['--net', 'bridge', '--publish', '80:80/sctp'], /'sctp' is neither tcp nor udp/],
    [['--net', 'bridge', '--publish', '10.0.0.256:80:80'], /'10\.0\.0\.256' is no IPv4 address/],
    [
      ['--net', 'bridge', '--publish', '80:1', '--publish', '80:2'],
      /port 80\/tcp of the host can lead to one place only/,
    ],
    [['--net', 'bridge', '--ip', '10.213.0'], /--ip 10\.213\.0: it wants an IPv4 address/],
    [['--net', 'bridge', '--ip', 'x'.repeat(4096)], /--ip x{39,40}: it wants/],
    [['--net', 'bridge', '--subnet', '10.0.0.1/24'], /--subnet 10\.0\.0\.1\/24: it wants the first address/],
    [['--net', 'bridge', '--subnet', '10.0.0.0'], /it wants the first address of a subnet and its length/],
    [['--net', 'bridge', '--subnet', '10.0.0.0/33'], /it wants the first address/],
    [['--net', 'bridge', '--subnet', '10.0.0.0/31'], /no room for a bridge and a container/],
    [['--net', 'bridge', '--subnet', '0.0.0.0/0'], /more than one network/],
    [['--net', 'bridge'], /WORKSHOP_SUBNET=10\.1: it wants/, { WORKSHOP_SUBNET: '10.1' }],
  ]
  const refused = refusals(table.map(([args, , env = {}]) => ({ args: ['--reference', ...args, '--', 'true'], env })))
  test.each(table.map(([args, message], i) => [args, message, i] as const))('%j', async (_, message, i) => {
    const { code, stderr } = await refused(i)
    expect(stderr).toMatch(message)
    expect(stderr, 'no stack trace of ours').not.toMatch(/^\s+at /m)
    expect(stderr.length).toBeLessThan(300)
    expect(code).toBe(2)
  })
})

describe('modes', () => {
  const look = ['sh', '-c', 'echo $(ls /sys/class/net); ip -4 -o address | cut -d" " -f2,7; cat /etc/hosts | tail -1']

  test('a bridge, unless told otherwise', async () => {
    expect(await box(['--name', 'web', '--hostname', 'shop'], look)).toMatchObject({
      stdout: 'eth0 lo\nlo 127.0.0.1/8\neth0 10.213.0.2/24\n10.213.0.2 shop web\n',
      stderr: '',
    })
    await nothingLeft('after the end')
  })

  test('none: loopback, up', async () => {
    expect((await box(['--net', 'none'], look)).stdout).toBe('lo\nlo 127.0.0.1/8\n::1 localhost\n')
  })

  test("host: the host's links, and its files of names", async () => {
    const { stdout } = await box(['--net', 'host'], ['sh', '-c', 'readlink /proc/self/ns/net; cat /etc/hosts'])
    expect(`${stdout.trim()}`).toBe(await sh('readlink /proc/self/ns/net; cat /etc/hosts'))
  })

  test('WORKSHOP_NET and WORKSHOP_SUBNET are for all containers, an option is for one', async () => {
    const env = { WORKSHOP_NET: 'none', WORKSHOP_SUBNET: '10.7.0.0/16' }
    expect((await box(['--net', 'bridge', '--subnet', '10.8.0.0/29'], look, env)).stdout).toContain('10.8.0.2/29')
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    expect(options.read({})).toMatchObject({ network: { mode: 'none' } })
    expect(options.read({ net: 'bridge' })).toMatchObject({ network: { mode: 'bridge', subnet: '10.7.0.0/16' } })
    vi.unstubAllEnvs()
  })

  test('in a user namespace, the host wires it all the same', async () => {
    const { stdout } = await box(['--userns'], ['sh', '-c', 'ping -c 1 host; cat /proc/self/uid_map'])
    expect(stdout).toMatch(/1 received.*\n +0 +[1-9]/s)
  })

  test('without nft there is a sentence, and nothing is left', async () => {
    const missing = 'mount --bind /dev/null /usr/lib/$(uname -m)-linux-gnu/libnftables.so.1'
    const { stdout } = await host.exec([
      'unshare',
      '--mount',
      'sh',
      '-c',
      `${missing} && exec 2>&1 && exec "$@"`,
      'sh',
      ...command(['--reference', ROOTFS, '--', 'true']),
    ])
    expect(stdout).toMatch(/^box: nftables cannot be used: .*apt-get install nftables\n.*--net none$/m)
    await nothingLeft('after a start that failed')
  })
})

describe('addresses and ports', () => {
  const subnet = '10.213.0.0/24'
  const lease = (more: Partial<Lease>): Lease => ({
    ...{ id: '1', name: 'web', hostname: 'web', ports: [], subnet, address: '10.213.0.2', gateway: '10.213.0.1' },
    ...{ cable: 'ws-1', table: 'ws-1', mac: '02:57:0a:d5:00:02', prefix: 24 },
    ...more,
  })
  const wish = (network: Partial<Network>): Network => ({ mode: 'bridge', subnet, ports: [], ...network })

  test('those that are asked for, and those that are taken', async () => {
    const published = ['--publish', '8080:80', '--publish', '127.0.0.1:8081:80']
    await using _ = await stay(['--name', 'web', '--ip', '10.213.0.77', ...published])
    const refused = async (options: string[], message: string) => {
      const { code, stderr } = await box(options, ['true'])
      expect(stderr).toContain(message)
      expect(code).toBe(125)
    }
    await refused(['--ip', '10.213.0.77'], "the container 'web' has 10.213.0.77 already")
    await refused(['--publish', '8080:1'], "port 8080/tcp leads to the container 'web' already")
    const others = ['--publish', '10.213.0.1:8081:1', '--publish', '8080:1/udp']
    expect(await box(others, ['true'])).toMatchObject({ stderr: '', code: 0 })
  })

  test('those that nobody can have', () => {
    const range = /is not for a container: in 10\.213\.0\.0\/24 these are, 10\.213\.0\.2 to 10\.213\.0\.254/
    for (const address of ['10.213.0.0', '10.213.0.1', '10.213.0.255', '10.214.0.2', '127.0.0.1'])
      expect(() => findPlace(wish({ address }), [lease({})])).toThrow(range)
    const wanted = wish({ subnet: '10.9.0.0/24' })
    const other = /the bridge has 10\.213\.0\.0\/24 while containers run on it/
    expect(() => findPlace(wanted, [lease({})])).toThrow(other)
  })

  test('a subnet that is used up', () => {
    const small = { subnet: '10.9.0.0/30' }
    const all = [lease({ ...small, address: '10.9.0.2' })]
    const message = '10.9.0.0/30 is used up: 1 container has all its addresses'
    expect(() => findPlace(wish(small), all)).toThrow(message)
  })

  test("a subnet that the host's routes lead elsewhere", async () => {
    await sh('ip link add other type veth peer name end; ip address add 10.99.0.1/16 dev other; ip link set other up')
    const { stderr } = await box(['--subnet', '10.99.3.0/24'], ['true'])
    expect(stderr).toMatch(
      /10\.99\.3\.0\/24 overlaps what this host has already, 10\.99\.0\.0\/16 by way of other\.\n.*WORKSHOP_SUBNET/,
    )
    await sh('ip link delete other')
    await nothingLeft('after a start that failed')
  })

  test('subnets overlap where one is in the other', () => {
    const meet = (one: string, other: string) => {
      const [a, b] = [parseSubnet(one), parseSubnet(other)]
      return a && b && overlap(a, b)
    }
    for (const other of ['10.99.3.0/24', '10.96.0.0/12', '10.99.0.0/16', '10.99.255.252/30'])
      expect(meet('10.99.0.0/16', other), other).toBe(true)
    for (const other of ['10.98.0.0/16', '10.100.0.0/24', '10.112.0.0/12'])
      expect(meet('10.99.0.0/16', other), other).toBe(false)
  })

  test('a port that leads elsewhere already, and one on which the host listens', async () => {
    const tcp = { container: 80, protocol: 'tcp' } as const
    const web = lease({
      ports: [
        { ...tcp, host: 8080 },
        { ...tcp, host: 8081, ip: '127.0.0.1' },
      ],
    })
    const refused = (port: Partial<Port>) => expect(() => refuseTaken({ ...tcp, host: 8080, ...port }, [web]))
    refused({}).toThrow("port 8080/tcp leads to the container 'web' already")
    refused({ ip: '127.0.0.1' }).toThrow("port 127.0.0.1:8080/tcp leads to the container 'web'")
    refused({ host: 8081 }).toThrow("port 8081/tcp leads to the container 'web' already")
    refused({ host: 8081, ip: '10.213.0.1' }).not.toThrow()
    refused({ protocol: 'udp' }).not.toThrow()

    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port: host } = server.address() as AddressInfo
    for (const ip of [undefined, '127.0.0.1'])
      refused({ host, ...(ip ? { ip } : {}) }).toThrow(/a program of this host listens on port .*\/tcp already/)
    refused({ host, ip: '127.0.0.2' }).not.toThrow()
    server.close()
  })

  test('what a container sends to 127.0.0.1 by way of the bridge does not arrive', async () => {
    const server = host.spawn(['busybox', 'httpd', '-f', '-p', '127.0.0.1:9091'])
    await using one = await stay(['--name', 'attacker'])
    const pid = await sh(`cat /run/container-workshop/attacker.json | grep -o '"pid":[0-9]*' | head -1 | cut -d: -f2`)
    const attack = `nsenter -t ${pid} -n sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
      ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 10.213.0.1 src 10.213.0.2
      timeout 1 busybox wget -q -O - http://127.0.0.1:9091/ 2>&1; ip route get 127.0.0.1'`
    const answer = await sh(attack)
    expect(answer, 'the packet did leave by the bridge').toContain('via 10.213.0.1')
    expect(answer).not.toMatch(/404|html/i)
    server.signal('SIGKILL')
    expect(one.ended).toBe(false)
  })
})

describe('names', () => {
  test('each knows the others, those that came later too, until they go', async () => {
    await using one = await stay(
      ['--name', 'one'],
      'echo ready; while read name; do getent -s files hosts $name || echo unknown; done',
    )
    const ask = async (name: string, answer: RegExp) => {
      one.stdout = ''
      one.write(`${name}\n`)
      await one.until(() => answer.test(one.stdout), `${name} is ${answer}`)
    }
    await ask('two', /unknown/)
    {
      await using two = await stay(['--name', 'two'], 'ping -c 1 one; echo ready; read _')
      await ask('two', /10\.213\.0\.3 +two/)
      expect(two.stdout).toContain('(10.213.0.2)')
    }
    await ask('two', /unknown/)
    await ask('host', /10\.213\.0\.1/)
    one.signal('SIGTERM')
  })

  test('a volume in their place is mounted over them', async () => {
    await sh('echo 1.2.3.4 mine > /run/hosts')
    expect((await box(['--volume', '/run/hosts:/etc/hosts'], ['cat', '/etc/hosts'])).stdout).toBe('1.2.3.4 mine\n')
  })

  test('the files are its own: not to be written, and mounted in the image, wherever its links lead', async () => {
    await sh(`mkdir -p /run/image /run/victim; cp -a ${ROOTFS}/. /run/image; cd /run/image/etc
      ln -sf ../run/dns/resolv.conf resolv.conf; ln -sf ../../../../../../run/victim/hosts hosts`)
    const look = 'cat /etc/hosts | tail -1; echo x >> /etc/hosts; echo x >> /etc/resolv.conf'
    const names = ['--name', 'plain', '--hostname', '\n6.6.6.6 host']
    const box = command(['--reference', ...names, '/run/image', '--', 'sh', '-c', look])
    const { stdout, stderr } = await host.exec(box)
    expect(stdout, 'a host name that is none for the network is only for the kernel').toBe('10.213.0.2 plain\n')
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2)
    expect(await sh('ls /run/victim; rm -rf /run/image')).toBe('')
  })
})

describe('nothing is left', () => {
  test('after a command that is not there', async () => {
    expect((await box(['--publish', '80:80'], ['no-such-command'])).code).toBe(127)
    await nothingLeft('after the end')
  })

  test('after SIGKILL of the engine, at any moment: the next command, or undo, cleans up', async () => {
    for (let i = 0; i < Math.ceil(20 * LOAD); i++) {
      const program = host.spawn(command(['--reference', '--publish', '80:80', ROOTFS, '--', 'sleep', '60']))
      await sleep(seconds(0.04 + Math.random() * 0.12))
      program.signal('SIGKILL')
      await program.result
    }
    const { code, stderr } = await box(['--publish', '80:80'], ['false'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    await nothingLeft('after the next command, which fails')

    const last = await stay(['--publish', '80:80'])
    last.signal('SIGKILL')
    await last.result
    await host.exec([process.execPath, '--no-warnings', `${project}/scripts/undo.ts`, '--force'])
    await nothingLeft('after undo')
  })

  test('a router is one afterwards', async () => {
    await sh('echo 1 > /proc/sys/net/ipv4/ip_forward')
    await box([], ['true'])
    await sh('while [ -e /sys/class/net/ws-bridge ]; do sleep 0.02; done')
    expect(await sh('cat /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/ip_forward')).toBe('1')
  })
})

test('50 at once: each has an address, reaches the next by its name, and all is gone afterwards', {
  timeout: seconds(60),
}, async () => {
  const count = Math.ceil(50 * LOAD)
  const script = (i: number) => `
    busybox nc -ll -p 80 -e echo "hello from $(hostname)" &
    until ss -Htln | grep -q ':80 '; do sleep 0.05; done
    ip -4 -o address show dev eth0 | tr -s ' ' | cut -d' ' -f4; echo ready; read _
    busybox nc c${(i + 1) % count} 80 < /dev/null; read _`
  const all = Array.from({ length: count }, (_, i) =>
    host.spawn(command(['--reference', '--name', `c${i}`, '--hostname', `c${i}`, ROOTFS, '--', 'sh', '-c', script(i)])),
  )
  for (const program of all) await program.until(() => program.stdout.includes('ready'), 'it is ready', 40)
  const addresses = all.map(({ stdout }) => stdout.split('\n')[0])
  expect(new Set(addresses).size, 'no address is given twice').toBe(count)

  for (const program of all) program.write('\n')
  for (const [i, program] of all.entries()) {
    const answer = `hello from c${(i + 1) % count}`
    await program.until(() => program.stdout.includes(answer), answer, 20)
  }
  for (const program of all) program.write('\n')
  const ended = await Promise.all(all.map(({ result }) => result))
  expect(ended.map(({ stderr, code }) => stderr + code)).toEqual(Array(count).fill('0'))
  await nothingLeft('after the last')
})
