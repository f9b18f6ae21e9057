import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import { storeFolder } from '#given/union.ts'
import { addLearner, UID } from '#given/user/learner.ts'
import { digestOf, hexOf } from '../../lessons/10-images/given/digest.ts'
import type { Image, Store } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { tarOf } from './tars.ts'

// The store of images: what is kept, shared, found, named and removed, and what a SIGKILL leaves.

const LOAD = Number(process.env.WORKSHOP_LOAD ?? 1)
const fixture = new URL('fixtures/images.ts', import.meta.url).pathname
const created = '2024-01-01T00:00:00Z'

let folder: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync('/var/tmp/workshop-images-')
  store = openStore(join(folder, 'store'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, data: string | Buffer): string {
  writeFileSync(join(folder, name), data)
  return join(folder, name)
}

function upper(files: Record<string, string>): string {
  const at = mkdtempSync(join(folder, 'upper-'))
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(join(at, name, '..'), { recursive: true })
    writeFileSync(join(at, name), data)
  }
  return at
}

const base = (reference = 'base') =>
  store.import(file('base.tar', tarOf({ path: 'etc/release', data: 'one' })), { reference, created })
const layerFolders = () => readdirSync(join(store.root, 'layers')).sort()
const blobs = () => readdirSync(join(store.root, 'blobs/sha256')).sort()
const read = (image: Image, path: string) =>
  readFileSync(join(store.lower(image).findLast((layer) => existsSync(join(layer, path))) ?? '', path), 'utf8')

/** Every blob is what its name says, every listed image is whole, nothing unfinished lies about. */
function expectWhole(): void {
  for (const hex of blobs()) expect(digestOf(readFileSync(join(store.root, 'blobs/sha256', hex)))).toBe(`sha256:${hex}`)
  for (const image of store.images()) {
    for (const layer of image.layers) {
      expect(blobs()).toContain(hexOf(layer.digest))
      expect(statSync(layer.folder).isDirectory()).toBe(true)
    }
  }
}

test('where the store is', () => {
  expect(storeFolder({}, 0)).toBe('/var/lib/container-workshop')
  expect(storeFolder({ HOME: '/home/me' }, 1000)).toBe('/home/me/.local/share/container-workshop')
  expect(storeFolder({ HOME: '/home/me', XDG_DATA_HOME: '/data' }, 1000)).toBe('/data/container-workshop')
  expect(storeFolder({ WORKSHOP_IMAGES: '/elsewhere' }, 0)).toBe('/elsewhere')
})

test('an ordinary user has one of his own', async () => {
  await using host = await openLab()
  const learner = await addLearner(host)
  const layer = tarOf(
    { path: 'f', uid: 7, mode: 0o4755 },
    { path: 'zero', kind: 'char', major: 1, minor: 5 },
    { path: '.wh.x' },
  )
  const script = `cat > /run/learner/a.tar && "$@" import /run/learner/store /run/learner/a.tar mine &&
    cd /run/learner/store/layers/*/diff && stat -c '%n %F %u %a' f zero x 2>&1`
  const argv = [...learner, 'sh', '-c', script, 'sh', process.execPath, '--no-warnings', fixture]
  const { stdout, stderr } = await host.exec(argv, { input: layer.toString('latin1') })
  expect(stderr).toBe('')
  const [id, f, zero, x] = stdout.split('\n')
  expect(id).toMatch(/^sha256:/)
  expect(f).toBe(`f regular empty file ${UID} 4755`)
  expect(zero).toContain('No such file')
  expect(x).toBe(`x character special file ${UID} 0`)
})

test('nobody else may enter it: its programs can be setuid', async () => {
  await base()
  for (const name of ['layers', 'blobs/sha256', 'tmp'])
    expect(statSync(join(store.root, name)).mode & 0o077, name).toBe(0)
})

describe('layers', () => {
  test('are shared: a rebuilt image has the first one’s base', async () => {
    const parent = await base()
    const one = await store.commit(upper({ 'app/x': '1' }), {
      parent,
      reference: 'web:1',
      createdBy: 'copy x',
      created,
    })
    const two = await store.commit(upper({ 'app/x': '22' }), {
      parent,
      reference: 'web:2',
      createdBy: 'copy x',
      created,
    })
    expect(one.layers[0]).toEqual(parent.layers[0])
    expect(two.layers[0]).toEqual(parent.layers[0])
    expect(one.layers[1]?.diffId).not.toBe(two.layers[1]?.diffId)
    expect(layerFolders()).toHaveLength(3)
    expect([read(one, 'app/x'), read(two, 'app/x'), read(two, 'etc/release')]).toEqual(['1', '22', 'one'])
    expect(store.history(two).map(({ created_by, size }) => [created_by, size])).toEqual([
      ['copy x', 2],
      ['import base.tar', 3],
    ])
  })

  test('the same files, config and time make the same image', async () => {
    const parent = await base()
    const options = { newest: 1_700_000_000 }
    const one = await store.commit(upper({ x: '1' }), { parent, created, config: { Cmd: ['sh'] } }, options)
    const two = await store.commit(upper({ x: '1' }), { parent, created, config: { Cmd: ['sh'] } }, options)
    expect(two.id).toBe(one.id)
    expect(store.images()).toHaveLength(2)
  })

  test('a step without a layer changes the config alone', async () => {
    const parent = await store.commit(undefined, { config: { Env: ['A=1', 'B=2'], Cmd: ['sh'] }, parent: await base() })
    const image = await store.commit(undefined, { config: { Env: ['B=3'], Entrypoint: ['/bin/env'] }, parent })
    expect(image.config.config).toEqual({ Env: ['A=1', 'B=3'], Entrypoint: ['/bin/env'] })
    expect(image.layers).toEqual(parent.layers)
    expect(store.history(image).map((step) => step.empty_layer ?? false)).toEqual([true, true, false])
  })

  test('a folder is an image of one layer', async () => {
    const image = await store.import(upper({ 'bin/sh': 'shell', '.wh.odd': '' }), { reference: 'root' })
    expect(image.references).toEqual(['root:latest'])
    expect(read(image, 'bin/sh')).toBe('shell')
    expect(readdirSync(store.lower(image)[0] ?? '')).toEqual(['bin'])
  })

  test.for(['gzip', 'zstd', 'none'] as const)('%s, told by its bytes', async (compression) => {
    const tar = tarOf({ path: 'f', data: 'hello' })
    const data = { gzip: gzipSync(tar), zstd: zstdCompressSync(tar), none: tar }[compression]
    const image = await store.import(file('a.tar', data), { reference: 'a' })
    expect(image.layers[0]?.diffId).toBe(digestOf(tar))
    expect(image.layers[0]?.mediaType).toMatch(compression === 'gzip' ? /\+gzip$/ : /\+zstd$/)
    expect(read(image, 'f')).toBe('hello')
  })

  test('what cannot be read leaves nothing', async () => {
    const before = [blobs(), layerFolders()]
    const tar = tarOf({ path: 'f', data: 'x'.repeat(5000) }, { path: 'g', data: 'y' })
    const bad: [string, Buffer, string][] = [
      ['short', tar.subarray(0, 3000), 'BAD_ARCHIVE'],
      ['short gzip', gzipSync(tar).subarray(0, 60), 'BAD_ARCHIVE'],
      ['broken zstd', Buffer.concat([zstdCompressSync(tar).subarray(0, 20), Buffer.alloc(30, 7)]), 'BAD_ARCHIVE'],
      ['no tar', Buffer.from('#!/bin/sh\n'.repeat(100)), 'BAD_ARCHIVE'],
      ['xz', Buffer.from('fd377a585a0000', 'hex'), 'UNKNOWN_TYPE'],
      ['a way out', tarOf({ path: 'f' }, { path: '../f' }), 'BAD_ARCHIVE'],
    ]
    for (const [name, data, code] of bad) {
      await expect(store.import(file(name, data), { reference: 'a' }), name).rejects.toMatchObject({ code })
    }
    await expect(store.import(folder, {})).rejects.toThrow(/into itself/)
    await expect(store.import(join(folder, 'nowhere'), {})).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect([blobs(), layerFolders()]).toEqual(before)
    expect(readdirSync(join(store.root, 'tmp'))).toEqual(['lock'])
    expect(store.images()).toEqual([])
  })
})

describe('names', () => {
  test('a name, a tag, an id, the beginning of one', async () => {
    const image = await base('team/web:1')
    const hex = hexOf(image.id)
    for (const wish of [
      'team/web:1',
      'web:1',
      image.id,
      hex,
      hex.slice(0, 12),
      `sha256:${hex.slice(0, 3)}`,
      image.manifest,
    ]) {
      expect(store.find(wish).id, wish).toBe(image.id)
    }
    for (const wish of ['web', 'web:2', 'eb:1', 'sha256:'])
      expect(() => store.find(wish), wish).toThrow(/no image|no name/)
    expect(() => store.find('Web')).toThrow('Did you mean web?')
  })

  test('a beginning that two ids have: both are named', async () => {
    const ids: string[] = []
    for (let i = 0; i < 17; i++) ids.push(hexOf((await store.commit(undefined, { createdBy: `${i}`, created })).id))
    const firsts = ids.map((hex) => hex[0] ?? '')
    const twice = firsts.find((digit, i) => firsts.indexOf(digit) !== i) ?? '' // 17 ids, 16 digits
    const candidates = ids.filter((hex) => hex.startsWith(twice))
    for (const hex of candidates) expect(() => store.find(twice)).toThrow(hex)
  })

  test('a name moves to the newer image, and the older stays without one', async () => {
    const one = await base()
    const two = await store.commit(upper({ x: '' }), { parent: one, reference: 'base' })
    expect(store.find('base').id).toBe(two.id)
    expect(store.find(one.id).references).toEqual([])
    await store.tag(two, 'other:1')
    expect(store.find('other:1').references).toEqual(['base:latest', 'other:1'])
    await expect(store.tag(two, 'No Name')).rejects.toMatchObject({ code: 'BAD_NAME', exitCode: 2 })
  })
})

describe('removing', () => {
  test('takes the name, and with the last one all that no other image needs', async () => {
    const parent = await base()
    const image = await store.commit(upper({ x: 'xyz' }), { parent, reference: 'web' })
    await store.tag(image, 'web:old')
    expect(await store.remove('web')).toMatchObject({ untagged: ['web:latest'], images: [], layers: [] })
    const gone = await store.remove('web:old')
    expect(gone).toMatchObject({ images: [image.id], layers: [image.layers[1]?.diffId] })
    expect(gone.freed).toBeGreaterThan(3)
    expect(store.find('base').id).toBe(parent.id)
    expectWhole()
    await store.remove(parent.id)
    expect([blobs(), layerFolders(), store.images()]).toEqual([[], [], []])
  })

  test('is refused while a container uses it, and not when that one’s engine was killed', async () => {
    const image = await base()
    await store.hold(image, { id: 'c1', name: 'shop' })
    await expect(store.remove('base')).rejects.toThrow(/shop/)
    expect((await store.prune({ all: true })).images).toEqual([])
    store.release('c1')
    store.release('c1')
    const child = spawn('sleep', ['1000'])
    const since = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? ''
    await store.hold(image, { id: 'c2', name: 'shop', engine: { pid: child.pid ?? 0, since } })
    await expect(store.remove('base')).rejects.toMatchObject({ code: 'IN_USE' })
    child.kill('SIGKILL')
    await new Promise((resolve) => child.on('exit', resolve))
    await store.remove('base')
    expect([store.images(), readdirSync(join(store.root, 'users'))]).toEqual([[], []])
  })

  test('prune takes what has no name, and what belongs to nothing', async () => {
    const one = await base()
    await store.commit(upper({ x: '' }), { parent: one, reference: 'base' })
    mkdirSync(join(store.root, 'layers', 'f'.repeat(64)))
    writeFileSync(join(store.root, 'blobs/sha256', 'f'.repeat(64)), '')
    const { images, layers } = await store.prune()
    expect(images).toEqual([one.id])
    expect(layers).toEqual([`sha256:${'f'.repeat(64)}`])
    expect(store.images()).toHaveLength(1)
    expectWhole()
  })
})

describe('writers', () => {
  /** So much that one can be killed in the middle of it, at the latest moment of those below. */
  const MANY = Math.max(300, Math.ceil(1500 * LOAD))
  const big = () =>
    tarOf(...Array.from({ length: MANY }, (_, i) => ({ path: `d${i % 7}/f${i}`, data: `${i}`.repeat(500) })))
  const start = (path: string, name: string) =>
    spawn(process.execPath, ['--no-warnings', fixture, 'import', store.root, path, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on('exit', resolve))

  test('two at once, of the same image: there is one', { timeout: seconds(60) }, async () => {
    const path = file('big.tar', big())
    const children = ['one', 'two'].map((name) => start(path, name))
    expect(await Promise.all(children.map(ended))).toEqual([0, 0])
    expect(store.images()).toHaveLength(1)
    expect(store.find('one').references).toEqual(['one:latest', 'two:latest'])
    expect(readdirSync(join(store.root, 'tmp'))).toEqual(['lock'])
    expectWhole()
  })

  test('killed at any moment: no half layer, and the next one sweeps', { timeout: seconds(110) }, async () => {
    const path = file('big.tar', big())
    const times = Math.ceil(15 * LOAD)
    let killed = 0
    for (let i = 0; i < times; i++) {
      const before = readdirSync(join(store.root, 'tmp'))
      const child = start(path, `n${i}`)
      const done = ended(child)
      const hasBegun = () =>
        readdirSync(join(store.root, 'tmp')).some((name) => name !== 'lock' && !before.includes(name))
      while (child.exitCode === null && !hasBegun()) await sleep(5)
      await sleep(seconds(0.02) * i)
      child.kill('SIGKILL')
      if ((await done) === null) killed++
      expectWhole()
    }
    expect(killed).toBeGreaterThan(0)
    await store.import(path, { reference: 'last' })
    expect(readdirSync(join(store.root, 'tmp'))).toEqual(['lock'])
    const image = store.find('last')
    const last = MANY - 1
    const text = readFileSync(join(image.layers[0]?.folder ?? '', `d${last % 7}/f${last}`), 'utf8')
    expect(text).toBe(`${last}`.repeat(500))
    await store.prune({ all: true })
    expect([blobs(), layerFolders()]).toEqual([[], []])
  })

  test('killed while it removes: what is listed is whole, and the next one takes the rest', {
    timeout: seconds(110),
  }, async () => {
    const path = file('some.tar', tarOf(...Array.from({ length: 300 }, (_, i) => ({ path: `d${i % 7}/f${i}` }))))
    const kept = await base('kept')
    for (let i = 0; i < Math.ceil(6 * LOAD); i++) {
      for (let n = 0; n < 3; n++) await store.import(path, { parent: kept, createdBy: `${i} ${n}` })
      const child = spawn(process.execPath, ['--no-warnings', fixture, 'prune', store.root], { stdio: 'ignore' })
      const done = ended(child)
      const listedFirst = store.images().length
      while (child.exitCode === null && store.images().length === listedFirst) await sleep(1)
      await sleep(i % 4)
      child.kill('SIGKILL')
      await done
      expectWhole()
    }
    await store.prune()
    expect(store.images().map(({ id }) => id)).toEqual([kept.id])
    expect([layerFolders().length, blobs().length]).toEqual([1, 3])
    expect(readdirSync(join(store.root, 'tmp'))).toEqual(['lock'])
  })

  test('while one writes, nobody removes', { timeout: seconds(60) }, async () => {
    await base('old')
    const [image] = await Promise.all([
      store.import(file('big.tar', big()), { reference: 'new' }),
      store.prune({ all: true }),
      store.import(file('other.tar', tarOf({ path: 'x' })), { reference: 'other' }),
    ])
    expectWhole()
    expect(image.layers).toHaveLength(1)
  })
})
