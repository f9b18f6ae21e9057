import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { renderToString } from 'preact-render-to-string'
import { beforeAll, expect, test } from 'vitest'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { PRIVILEGES } from '#given/capabilities/privileges.ts'
import { namespaces } from '#given/proc.ts'
import { applied, type Change, changeBetween } from '../observe/change.ts'
import { Namespaces } from '../observe/collect/namespaces.ts'
import { Collector } from '../observe/collector.ts'
import { namesIn } from '../observe/draw/details.ts'
import { picture } from '../observe/draw/picture.ts'
import { allRooms, type Room, sceneOf } from '../observe/draw/scene.ts'
import { KINDS, type Model, type Process } from '../observe/model.ts'
import { pack, unpack } from '../observe/pack.ts'
import { until } from './boxes.ts'
import { container, end, lasting, observing, pidOf, started, watching } from './observed.ts'

observing()

/** What most tests look at. None changes it. */
const SEEN = 'seen'
beforeAll(async () => {
  const child = await lasting(SEEN, '--hostname', 'host-of-seen', '--memory', '64m')
  return () => end(child)
})

const roomOf = (model: Model, name: string, before?: Model): Room | undefined =>
  allRooms(sceneOf(model, before)).find(({ title }) => title === name)

/** Waits for a picture of the machine in which something holds. */
async function pictureWhere(collector: Collector, holds: (model: Model) => boolean, what: string): Promise<Model> {
  let model = await collector.now()
  await until(() => {
    void collector.now().then((now) => {
      model = now
    })
    return holds(model)
  }, what)
  return model
}

test('a container is a room in the host, and its first process has two numbers', async () => {
  await watching(async (collector) => {
    const model = await pictureWhere(collector, (now) => roomOf(now, SEEN) !== undefined, 'the room')
    const pid = pidOf(SEEN)

    const room = roomOf(model, SEEN)
    expect(room).toMatchObject({ sort: 'container' })
    const first = room?.occupants.find(({ process }) => process.pid === pid)
    expect(first?.numbers.map(({ number, where }) => [number, where])).toEqual([
      [1, SEEN],
      [pid, 'host'],
    ])
  })
})

test('its namespaces are those that the kernel names, and the pid namespace lies in that of the host', async () => {
  await watching(async (collector) => {
    const pid = pidOf(SEEN)
    const names = Object.values(namespaces(pid))
    const inodesIn = (now: Model) => now.processes[pid]?.namespaces ?? []
    // An earlier picture may show its init, which leaves the cgroup namespace of the host late.
    const asNamed = (now: Model) => String(KINDS.map((kind, i) => `${kind}:[${inodesIn(now)[i]}]`)) === String(names)
    const model = await pictureWhere(collector, asNamed, 'its namespaces')

    const inodes = inodesIn(model)
    const of = (kind: (typeof KINDS)[number]) => model.namespaces[inodes[KINDS.indexOf(kind)] ?? 0]
    expect(of('pid')?.parent).toBe(model.host.namespaces[KINDS.indexOf('pid')])
    expect(of('net')?.owner).toBe(model.host.namespaces[KINDS.indexOf('user')])
  })
})

test('its name, mounts, links, capabilities and memory', async () => {
  await watching(async (collector) => {
    const pid = pidOf(SEEN)
    const its = (model: Model, kind: (typeof KINDS)[number]) =>
      model.namespaces[model.processes[pid]?.namespaces[KINDS.indexOf(kind)] ?? 0]
    const isWhole = (now: Model) =>
      its(now, 'uts')?.hostname === 'host-of-seen' &&
      its(now, 'net')?.links !== undefined &&
      (now.usage[now.processes[pid]?.cgroup ?? '']?.memory.at(-1) ?? 0) > 0
    const model = await pictureWhere(collector, isWhole, 'its host name, its links and its memory')

    expect(its(model, 'mnt')?.mounts).toContainEqual(expect.objectContaining({ target: '/proc', type: 'proc' }))
    expect(its(model, 'net')?.links).toContainEqual(expect.objectContaining({ name: 'lo', type: 'loopback' }))
    const { effective = '', cgroup = '' } = model.processes[pid] ?? {}
    const byNumber = (a: string, b: string) => CAPABILITIES.indexOf(a) - CAPABILITIES.indexOf(b)
    expect(namesIn(effective)).toEqual([...PRIVILEGES.capabilities].sort(byNumber))
    expect(model.cgroups[cgroup]?.limits.memory).toBe(64 * 2 ** 20)
    expect(model.usage[cgroup]?.memory.at(-1)).toBeLessThan(64 * 1024)
  })
})

test('a container without a pid namespace is a room too, by its other namespaces', async () => {
  await watching(async (collector) => {
    const { pid = 0 } = unshared(['--uts', 'sleep', '600'])
    const model = await pictureWhere(collector, (now) => now.processes[pid]?.name === 'sleep', 'its process')
    const room = allRooms(sceneOf(model)).find(({ occupants }) => occupants.some(({ process }) => process.pid === pid))
    expect(room?.namespaces.filter(({ own }) => own).map(({ kind }) => kind)).toEqual(['uts'])
    expect(room?.occupants[0]?.numbers).toEqual([expect.objectContaining({ number: pid, where: 'host' })])
  })
})

test('rooms in rooms: a process that is in three pid namespaces has three numbers', async () => {
  await watching(async (collector) => {
    const { pid = 0 } = unshared(['--pid', '--kill-child', 'unshare', '--pid', '--kill-child', 'sleep', '601'])
    const nested = (now: Model) => Object.values(now.processes).find(({ command }) => command === 'sleep 601')
    const model = await pictureWhere(collector, (now) => nested(now)?.numbers.length === 3, 'the innermost')
    expect(nested(model)?.numbers.slice(1)).toEqual([expect.any(Number), 1])
    const depths = (room: Room): string[][] => [
      [room.title],
      ...room.rooms.flatMap(depths).map((path) => [room.title, ...path]),
    ]
    expect(depths(sceneOf(model))).toContainEqual(['host', 'unshare', 'sleep'])
    expect(model.processes[pid]).toBeDefined()
  })
})

function unshared(words: string[]): ChildProcess {
  const child = spawn('unshare', words, { stdio: 'ignore' })
  started.push(child)
  return child
}

test('a picture for one who does not stay leaves nothing open', async () => {
  const leadsToNamespace = (fd: string) => readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'utf8' }).startsWith('uts:')
  const open = () =>
    readdirSync('/proc/self/fd').filter((fd) => existsSync(`/proc/self/fd/${fd}`) && leadsToNamespace(fd)).length
  const collector = new Collector()
  const before = open()
  for (let i = 0; i < 3; i++) expect(pidOf(SEEN) in (await collector.now()).processes).toBe(true)
  expect(open()).toBe(before)
  collector.watch(() => {})
  await collector.now()
  expect(open(), 'who watches keeps namespaces open').toBeGreaterThan(before)
  collector.stop()
  expect(open()).toBe(before)
})

test('the kernel gives inodes out again: reached by another process, it is asked again', async () => {
  const { processes, host } = await new Collector().now()
  const [us, other] = [processes[process.pid], processes[pidOf(SEEN)]]
  if (!us || !other) throw new Error('there are no such processes')
  const inode = other.namespaces[KINDS.indexOf('pid')] ?? 0
  const look = new Namespaces()
  const first = look.look({ [us.pid]: { ...us, namespaces: other.namespaces } }) // one that had the inode before
  const again = look.look({ [other.pid]: other })
  look.close()
  expect(again[inode]?.parent).toBe(host.namespaces[KINDS.indexOf('pid')])
  expect(first[inode]?.parent).not.toBe(again[inode]?.parent)
})

test('what has changed, applied to the picture before, is the picture after', async () => {
  await watching(async (collector) => {
    const before = await collector.now()
    const child = await container('brief')
    const during = await pictureWhere(collector, (now) => roomOf(now, 'brief') !== undefined, 'the room')
    expect(roomOf(during, 'brief', before)).toMatchObject({ mark: 'new' })
    await end(child)
    const markOf = (now: Model) => allRooms(sceneOf(now, during)).find(({ title }) => title === 'brief')?.mark
    // Its first process may be gone while another is still dying, in a room that has no name then.
    const after = await pictureWhere(collector, (now) => markOf(now) === 'gone', 'its end')

    const change = (from: Model, to: Model): Change => JSON.parse(JSON.stringify(changeBetween(from, to)))
    const plain = (model: Model) => JSON.parse(JSON.stringify({ ...model, usage: {} }))
    expect(plain(applied(before, change(before, during)))).toEqual(plain(during))
    expect(plain(applied(during, change(during, after)))).toEqual(plain(after))
  })
})

test("as a picture for a README: the seed's two servers, each number 1 at home and another on the host", () => {
  const process = (pid: number, name: string, parent: number, pidNamespace: number, numbers: number[]): Process => {
    const namespaces = KINDS.map((kind, i) => (kind === 'pid' ? pidNamespace : i + 1))
    const rest = { since: pid, command: name, uid: 0, effective: '0', bounding: '0', cgroup: '/', ended: false }
    return { pid, name, parent, namespaces, numbers, ...rest }
  }
  const all = [
    process(10, 'engine', 1, 5, [10]),
    process(1000, 'httpd', 10, 100, [1000, 1]),
    process(2000, 'vsftpd', 10, 200, [2000, 1]),
  ]
  const pids = { kind: 'pid' as const, parent: 5 }
  const model: Model = {
    at: 0,
    host: { name: 'host', kernel: '', cpus: 1, memory: 0, version: 2, namespaces: all[0]?.namespaces ?? [] },
    namespaces: { 5: { kind: 'pid', inode: 5 }, 100: { ...pids, inode: 100 }, 200: { ...pids, inode: 200 } },
    processes: Object.fromEntries(all.map((one) => [one.pid, one])),
    containers: {},
    cgroups: {},
    usage: {},
    points: 0,
  }
  const words = renderToString(picture(model)).match(/(?<=<text[^>]*>)[^<]+/g)
  expect(words).toEqual([
    ...['host', 'engine', '10', 'on the host', 'started httpd and 1 more'],
    ...['httpd', 'pid:[100]', 'httpd', '1', 'in httpd', '1000', 'on the host'],
    ...['vsftpd', 'pid:[200]', 'vsftpd', '1', 'in vsftpd', '2000', 'on the host'],
  ])
})

test('packed for the way, a picture is shorter, and comes out the same', async () => {
  const model = await watching((collector) => collector.now())
  const plain = JSON.stringify(model)
  const packed = JSON.stringify(pack(model))
  expect(JSON.stringify(unpack(JSON.parse(packed)))).toBe(plain)
  expect(packed.length).toBeLessThan(plain.length)
  const parts = [
    { a: 'a word that is long enough', b: 1 },
    { a: 'a word that is long enough', b: 1 },
  ]
  expect(pack([parts, parts])).toEqual({
    shared: ['a word that is long enough', { '#0': [{ $: 0 }, 1] }, [{ $: 1 }, { $: 1 }]],
    shapes: [['a', 'b']],
    value: [{ $: 2 }, { $: 2 }],
  })
})
