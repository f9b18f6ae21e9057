import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type BoxOptions, type Lab, openLab, type Result } from '#given/labs.ts'
import { NETWORK, type Port } from '#given/net/network.ts'
import { project } from '#given/spec.ts'
import type { Carrier } from '#given/user/carrier.ts'
import { ALONE, addLearner, GID, UID } from '#given/user/learner.ts'
import { switchedOff } from '#given/user/switched-off.ts'
import type { Refused } from './refusals.ts'

// `box run` of one who is not root. In a lab, which has such a user, and ids for him.

let host: Lab
let learner: string[]
beforeAll(async () => {
  host = await openLab()
  learner = await addLearner(host)
})
afterAll(() => host?.close())

/** Somebody whom /etc/passwd and /etc/subuid do not know. */
const STRANGER = ['setpriv', '--reuid', '5555', '--regid', '5555', '--clear-groups', '--']

const env = { XDG_RUNTIME_DIR: '/run', WORKSHOP_HERE: '1' }
const verb = (word: string, args: string[], as = learner) => [
  ...as,
  process.execPath,
  '--no-warnings',
  `${project}/scripts/box.ts`,
  word,
  '--reference',
  ...args,
]
const box = (args: string[], as = learner): Promise<Result> => host.exec(verb('run', args, as), { env })

async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script])
  expect(code, stderr).toBe(0)
  return stdout
}

const words = (text: string) => text.trim().split(/\s+/)

describe('without root', () => {
  test('a whole container, with the ids of /etc/subuid and /etc/subgid, and a second command in it', async () => {
    const script = `readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/uts
      echo $(id -u) $(id -g) $(id -G); cat /proc/self/uid_map; cat /proc/self/gid_map; hostname; echo /proc/[0-9]*
      cat /proc/net/dev; echo up; read -r line`
    const first = host.spawn(verb('run', ['--name', 'mine', '--', 'sh', '-c', script]), { env })
    await first.until(() => first.stdout.endsWith('up\n'), 'its words')
    await expectAlike('mine', 'root')
    first.write('go on\n')
    const { stdout, stderr, code } = await first.result
    expect(code).toBe(0)
    const [user, mnt, pid, net, uts, ...lines] = stdout.split('\n')
    const theirs = await host.namespaces('self')
    for (const [kind, own] of Object.entries({ user, mnt, pid, net, uts })) {
      expect(own, kind).toMatch(/^\w+:\[\d+\]$/)
      expect(own).not.toBe(theirs[kind as keyof typeof theirs])
    }
    expect(lines.map(words).slice(0, 5)).toEqual([
      ['0', '0', '0'],
      ['0', `${UID}`, '1'],
      ['1', '200000', '65536'],
      ['0', `${GID}`, '1'],
      ['1', '300000', '65536'],
    ])
    expect(lines.slice(5, 7)).toEqual(['box', '/proc/1'])

    const why = /no network but loopback, since you are not root.*\n.*apt-get install passt/
    expect(stderr, 'no network where no program can carry it, and a word about it').toMatch(why)
    expect(stdout).not.toContain('eth0')

    const left = await sh('ls -d /tmp/container-workshop* 2> /dev/null; ls /run | grep container-workshop; true')
    expect(left, 'nothing of it is left, and what it wrote down is gone').toBe('')
  })

  test('a second command in a container of another of his users', async () => {
    const options = ['--net', 'none', '--name', 'mine', '--user', 'nobody']
    const first = host.spawn(verb('run', [...options, '--', 'sh', '-c', 'echo up; read -r line']), { env })
    await first.until(() => first.stdout.includes('up'), 'its command')
    await expectAlike('mine', 'nobody')
    first.write('go on\n')
    expect(await first.result).toEqual({ stdout: 'up\n', stderr: '', code: 0 })
  })

  /** Executes a second command, which must have the user, the capabilities and the namespaces of the first. */
  async function expectAlike(name: string, user: string): Promise<void> {
    const look = `id -un; hostname; ps -e -o comm= | head -n 1; grep -h ^CapEff /proc/self/status /proc/1/status
      for n in mnt pid net uts user ipc; do [ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] && echo $n; done; exit 7`
    const { stdout, stderr, code } = await host.exec(verb('exec', [name, '--', 'sh', '-c', look]), { env })
    const [who, hostname, pid1, own, theirs, ...same] = stdout.trim().split('\n')
    expect({ stderr, code, who, hostname, pid1 }).toEqual({
      stderr: '',
      code: 7,
      who: user,
      hostname: 'box',
      pid1: 'sh',
    })
    expect(own).toBe(theirs)
    expect(same).toEqual(['mnt', 'pid', 'net', 'uts', 'user', 'ipc'])
  }

  test('who was granted no ids is root, and there is nobody else; nonsense in /etc/subuid grants none', async () => {
    await sh('cp /etc/subuid /run/subuid; printf "5555:x:65536\\n5555:-1:7\\n5555:1:\\n\\n:::\\n5555" > /etc/subuid')
    const { stdout, stderr } = await box(['--net', 'none', '--', 'sh', '-c', 'id -u; cat /proc/self/uid_map'], STRANGER)
    await sh('cat /run/subuid > /etc/subuid')
    expect(stderr).toBe('')
    expect(words(stdout)).toEqual(['0', '0', '5555', '1'])
  })

  test('ids that newuidmap refuses: in its own words, and which file is about it', async () => {
    await sh('cp /etc/subuid /etc/subgid /run; echo learner:300000:5 > /etc/subgid')
    const granted = await box(['--net', 'none', '--', 'true'])
    await sh('cat /run/subgid > /etc/subgid; echo learner:4242:5 > /etc/subuid')
    const refused = await box(['--net', 'none', '--', 'true'])
    await sh('cat /run/subuid > /etc/subuid')
    expect(granted).toMatchObject({ code: 0, stderr: '' })
    expect(refused.stderr).toMatch(/newuidmap: .*\n {2}\/etc\/subuid must grant you these ids/)
    expect(refused.code).toBe(125)
  })

  const refused: [what: string, args: string[], message: RegExp][] = [
    ['a lab', ['--only', 'uts'], /a lab takes root.*\n.*in a user namespace/],
    ['another lab', ['--without', 'user'], /a lab takes root/],
    ['a bridge', ['--net', 'bridge'], /bridge is for root/],
    ['an address', ['--ip', '10.213.0.9'], /--ip: an address of its own takes root/],
    ['a port', ['--publish', '8080:80'], /--publish without root takes pasta/],
  ]
  let answers: Refused[]
  beforeAll(async () => {
    const lines = refused.map(([, args]) => ({ args: ['--reference', ...args, '--', 'true'] }))
    const program = [process.execPath, '--no-warnings', `${project}/scripts/tests/fixtures/refusals.ts`]
    const { stdout } = await host.exec([...learner, ...program], { env, input: JSON.stringify(lines) })
    answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  })
  test.for(refused.map(([what, , message], nth) => [what, message, nth] as const))(
    'what takes root: %s',
    ([, message, nth]) => {
      const { stderr, code } = answers[nth] ?? {}
      expect(stderr).toMatch(message)
      expect(stderr).not.toMatch(/^\s+at /m)
      expect(code).toBe(125)
    },
  )

  test('a limit, where nobody has delegated a cgroup', async () => {
    const { stderr, code } = await box(['--net', 'none', '--memory', '64m', '--', 'true'])
    expect(stderr).toMatch(/a limit .* cannot be held/)
    expect(code).toBe(125)
  })

  test('a root file system of somebody else: a folder that is missing is not made', async () => {
    const { stderr, code } = await box(['--net', 'none', '--volume', '/run/learner:/new', '--', 'true'])
    expect(stderr).toMatch(/\/new is missing in the image, and (the image is not yours|cannot be made there)/)
    expect(code).toBe(125)
  })

  test('a folder in /tmp that another user made is not taken for ours', async () => {
    await sh(`mkdir -m 777 /tmp/container-workshop-${UID}`)
    const { stderr, code } = await box(['--net', 'none', '--', 'true'])
    await sh(`rmdir /tmp/container-workshop-${UID}`)
    expect(stderr).toMatch(/container-workshop-4242 cannot hold what belongs to the container: it is not yours/)
    expect(code).toBe(125)
  })

  test('the other commands say that they take root', async () => {
    const command = [...learner, process.execPath, '--no-warnings', `${project}/scripts/check.ts`, '07']
    const { stderr, code } = await host.exec(command, { env: { PATH: '/usr/bin:/bin', WORKSHOP_HERE: '1' } })
    expect(stderr).toMatch(/this takes root: .* npm run box -- run -- sh\n.*Become root first/)
    expect(code).toBe(1)
  })
})

test('root that asks for a user namespace is nobody outside', async () => {
  const script = 'cat /proc/self/uid_map; grep CapEff /proc/self/status; echo x > /etc/hostname'
  // The folder itself: as a layer it would have other owners, lesson 10.
  const { stdout, stderr } = await box(['--userns', '--rw', '--net', 'none', '--', 'sh', '-c', script], ['env'])
  expect(words(stdout)).toEqual(['0', '2000000000', '65536', 'CapEff:', expect.stringMatching(/[1-9a-f]/)])
  expect(stderr).toMatch(/Permission denied|Read-only/)
})

describe('a network without root', () => {
  beforeAll(async () => {
    // A neighbour of the lab's host, the way to it, and the device that every carrier opens.
    const neighbour = host.spawn(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep 600'])
    await neighbour.until(() => neighbour.stdout !== '', 'a neighbour')
    const pid = Number(neighbour.stdout)
    await sh(`mkdir /dev/net && mknod -m 666 /dev/net/tun c 10 200
      ip link add up0 type veth peer name inet netns ${pid}
      ip address add 203.0.113.2/24 dev up0; ip link set up0 up; ip route add default via 203.0.113.1
      nsenter --target ${pid} --net sh -c 'ip address add 203.0.113.1/24 dev inet; ip link set inet up'
      echo nameserver 203.0.113.1 > /etc/resolv.conf; echo nameserver 127.0.0.1 > ${LAB_ROOTFS}/etc/resolv.conf`)
    await sh(`mkdir /run/www && echo hello > /run/www/index.html
      nsenter --target ${pid} --net busybox httpd -h /run/www`)
  })

  const carried = (carrier: Carrier, ports: Port[] = []): BoxOptions => ({
    only: ['user', 'net', 'pid', 'mount'],
    ids: ALONE,
    under: learner,
    network: { ...NETWORK, carrier, ports },
  })
  const carriers = () => sh("ps -eo args | grep -E '^(pasta|slirp4netns) ' || true")

  const script = 'busybox wget -qO- http://203.0.113.1/; cat /etc/resolv.conf; ip -brief link; echo done'
  const carries = (nameserver: string) => new RegExp(`^hello\nnameserver ${nameserver}\nlo `)

  test('slirp4netns carries it, and is gone with the container', async ({ skip }) => {
    skip(!existsSync('/usr/bin/slirp4netns'), 'slirp4netns is not installed')
    await using box = await host.start(['sh', '-c', `${script}; exec sleep 60`], carried('slirp4netns'))
    await box.program.until(() => box.program.stdout.includes('done'), 'its words')
    expect(box.program.stdout).toMatch(carries('10.0.2.3'))
    expect(await carriers()).toContain('slirp4netns')
    await sh(`kill -KILL ${box.pid}`)
    await box.program.result
    await gone()
    expect(await sh('ls -d /tmp/container-workshop* 2> /dev/null; true')).toBe('')
  })

  test('pasta carries it, publishes a port, and is gone with the container', async () => {
    const ports: Port[] = [{ host: 8080, container: 80, protocol: 'tcp' }]
    const serve = 'exec busybox nc -ll -p 80 -e echo inside'
    await using box = await host.start(['sh', '-c', `${script}; ${serve}`], carried('pasta', ports))
    await box.program.until(() => box.program.stdout.includes('done'), 'its words')
    expect(box.program.stdout).toMatch(carries('203.0.113.1'))
    expect(await carriers()).toContain('pasta')
    const ask = () => host.exec(['busybox', 'nc', '127.0.0.1', '8080'])
    let answer = await ask()
    for (let tries = 0; answer.stdout === '' && tries < 100; tries++) answer = await ask()
    expect(answer.stdout).toBe('inside\n')
    await sh(`kill -KILL ${box.pid}`)
    await box.program.result
    await gone()
    expect(await sh('ls -d /tmp/container-workshop* 2> /dev/null; true')).toBe('')
  })

  test('an engine that is killed: its container dies, and the next one ends the carrier', async () => {
    const box = await host.start(['sleep', '60'], carried('pasta'))
    box.program.signal('SIGKILL')
    await box.program.result
    await sh(`for i in $(seq 100); do test -e /proc/${box.pid} || exit 0; sleep 0.05; done; exit 1`)
    expect(await carriers()).toContain('pasta')
    const ports: Port[] = [{ host: 80, container: 80, protocol: 'tcp' }]
    const { stderr, code } = await host.run(['true'], carried('pasta', ports))
    expect(stderr, 'a port that the user may not have: in the words of pasta').toMatch(
      /pasta\(1\) could not connect the container: .*\n.*--net none\?/s,
    )
    expect(code).toBe(125)
    await gone()
  })

  async function gone(): Promise<void> {
    for (let tries = 0; tries < 100 && (await carriers()) !== ''; tries++) await sh('sleep 0.05')
    expect(await carriers()).toBe('')
  }
})

describe('user namespaces switched off', () => {
  test('a limit of none: the kernel says ENOSPC, and box how to mend it', async () => {
    // The switch belongs to a user namespace, too: here one around box, so that the machine keeps its own.
    const off = 'echo 0 > /run/workshop/proc/sys/user/max_user_namespaces; exec "$@"'
    const as = [...learner, 'unshare', '--user', '--map-root-user', 'sh', '-c', off, 'sh']
    const { stderr, code } = await box(['--userns', '--net', 'none', '--', 'true'], as)
    expect(stderr).toMatch(/clone\(2\).*ENOSPC.*\n.*allows no user namespaces.*\n.*sysctl user\.max_user_namespaces=/s)
    expect(code).toBe(125)
  })

  let sysctls: string
  beforeAll(() => {
    sysctls = mkdtempSync(join(tmpdir(), 'workshop-sysctl-'))
  })
  afterAll(() => rmSync(sysctls, { recursive: true }))
  test.each([
    ['kernel/unprivileged_userns_clone', '0', /to root only.*\n.*sysctl kernel\.unprivileged_userns_clone=1/],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', /AppArmor.*\n.*sysctl kernel\.apparmor_.*=0/],
  ])('%s', (file, off, message) => {
    mkdirSync(dirname(join(sysctls, file)), { recursive: true })
    writeFileSync(join(sysctls, file), `${off}\n`)
    expect(switchedOff(false, sysctls)).toMatch(message)
    expect(switchedOff(true, sysctls), 'root may all the same').toBe(undefined)
    writeFileSync(join(sysctls, file), `${1 - Number(off)}\n`)
    expect(switchedOff(false, sysctls)).toBe(undefined)
  })
})
