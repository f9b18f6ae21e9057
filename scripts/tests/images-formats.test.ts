import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { digestOf, hexOf } from '../../lessons/10-images/given/digest.ts'
import type { Digest, Image, Store } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { tarOf } from './tars.ts'
import { twoLayers } from './two-layers.ts'

// OCI's layout and Docker's archive, in and out. What other tools make of them: exchange/.

let folder: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync('/var/tmp/workshop-images-')
  store = openStore(join(folder, 'store'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)
const architecture = process.arch === 'x64' ? 'amd64' : process.arch
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** A layout made by hand, so that anything can be wrong in it. */
function layout(
  change: (parts: { blobs: Map<string, Buffer>; put: typeof put; index: object }) => object | undefined,
): string {
  const blobs = new Map<string, Buffer>()
  function put(data: Buffer | object, mediaType: string) {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(JSON.stringify(data))
    const digest = digestOf(bytes)
    blobs.set(hexOf(digest), bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const at = mkdtempSync(path('layout-'))
  mkdirSync(join(at, 'blobs/sha256'), { recursive: true })
  const index = change({ blobs, put, index: {} })
  writeFileSync(join(at, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(at, 'index.json'), JSON.stringify(index))
  for (const [hex, data] of blobs) writeFileSync(join(at, 'blobs/sha256', hex), data)
  return at
}

const tar = tarOf({ path: 'f', data: 'hello' })
const configOf = (...diffIds: Digest[]) => ({
  os: 'linux',
  architecture,
  rootfs: { type: 'layers', diff_ids: diffIds },
})
type Put = (data: Buffer | object, mediaType: string) => { mediaType: string; digest: Digest; size: number }

function manifestOf(put: Put, { data = tar, type = LAYER, config = configOf(digestOf(tar)) as object } = {}) {
  const layers = [put(data, type)]
  const configBlob = put(config, 'application/vnd.oci.image.config.v1+json')
  return put({ schemaVersion: 2, config: configBlob, layers }, 'application/vnd.oci.image.manifest.v1+json')
}
const indexOf = (...manifests: object[]) => ({ schemaVersion: 2, manifests })

describe('what we write, we read', () => {
  test.for([
    ['oci', 'out.tar', undefined],
    ['oci', 'out/', undefined],
    ['oci', 'out.tar', 'gzip'],
    ['oci', 'out.tar', 'zstd'],
    ['oci', 'out.tar', 'none'],
    ['docker', 'out.tar', undefined],
  ] as const)('%s in %s, %s', async ([format, name, compression]) => {
    const image = await twoLayers(store, folder)
    await store.tag(image, 'web:2')
    await store.save([store.find('web:2')], path(name), { format, ...(compression ? { compression } : {}) })
    const other = openStore(path('other'))
    const [loaded] = await other.load(path(name))
    expect(loaded?.id).toBe(image.id)
    expect(loaded?.references).toEqual(['web:1', 'web:2'])
    expect(loaded?.config).toEqual(image.config)
    expect(loaded?.layers.map(({ diffId }) => diffId)).toEqual(image.layers.map(({ diffId }) => diffId))
    expect(readFileSync(join(other.lower(loaded as Image)[1] ?? '', 'etc/app'), 'utf8')).toBe('app')
    if (compression)
      expect(loaded?.layers[0]?.mediaType).toBe(`${LAYER}${compression === 'none' ? '' : `+${compression}`}`)
    if (format === 'oci' && !compression) expect(loaded?.manifest).toBe(image.manifest)
  })

  test('the same image makes the same archive, and several share their layers', async () => {
    const image = await twoLayers(store, folder)
    const base = store.images().find(({ layers }) => layers.length === 1) as Image
    for (const format of ['oci', 'docker'] as const) {
      for (const name of ['one', 'two']) await store.save([image, base], path(name), { format })
      expect(readFileSync(path('one')).equals(readFileSync(path('two')))).toBe(true)
      const { stdout } = spawnSync('tar', ['-tf', path('one')], { encoding: 'utf8' })
      const names = stdout.trim().split('\n')
      expect(names).toEqual([...new Set(names)])
      expect(await openStore(path(format)).load(path('one'))).toHaveLength(2)
    }
  })

  test('an archive that is compressed as a whole, and one from a pipe', async () => {
    const image = await twoLayers(store, folder)
    await store.save([image], path('out.tar'), { format: 'docker' })
    for (const [name, data] of [
      ['gz', gzipSync(readFileSync(path('out.tar')))],
      ['zst', zstdCompressSync(readFileSync(path('out.tar')))],
    ] as const) {
      writeFileSync(path(name), data)
      const [loaded] = await openStore(path(`store-${name}`)).load(path(name), { reference: 'mine' })
      expect([loaded?.id, loaded?.references]).toEqual([image.id, ['mine:latest']])
    }
  })

  test('what is there already is not taken again', async () => {
    const image = await twoLayers(store, folder)
    await store.save([image], path('out/'), { format: 'oci' })
    const seen: number[] = []
    await store.load(path('out/'), { progress: ({ layer }) => seen.push(layer) })
    expect(seen).toEqual([])
    rmSync(path('out/blobs/sha256'), { recursive: true })
    await expect(store.save([image], path('out/'), { format: 'oci' })).rejects.toThrow(/not empty/)
  })
})

describe('layouts of others', () => {
  const load = (at: string) => store.load(at, { reference: 'it' })

  test('Docker’s media types are understood', async () => {
    const at = layout(({ put }) => {
      const layer = put(gzipSync(tar), 'application/vnd.docker.image.rootfs.diff.tar.gzip')
      const config = put(configOf(digestOf(tar)), 'application/vnd.docker.container.image.v1+json')
      const type = 'application/vnd.docker.distribution.manifest.v2+json'
      const manifest = put({ schemaVersion: 2, mediaType: type, config, layers: [layer] }, type)
      return indexOf({ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'theirs:7' } })
    })
    const [image] = await store.load(at)
    expect(image?.references).toEqual(['theirs:7'])
  })

  test('of an image for many machines this one’s is taken, and attestations are passed over', async () => {
    const at = layout(({ put }) => {
      const other = { ...manifestOf(put, { config: { ...configOf(digestOf(tar)), architecture: 's390x' } }) }
      const list = indexOf(
        { ...other, platform: { os: 'linux', architecture: 's390x' } },
        { ...manifestOf(put), platform: { os: 'linux', architecture } },
        {
          ...manifestOf(put, { config: { ...configOf(digestOf(tar)), os: 'unknown' } }),
          platform: { os: 'unknown', architecture: 'unknown' },
        },
      )
      return indexOf(put(list, 'application/vnd.oci.image.index.v1+json'))
    })
    const [image, ...more] = await load(at)
    expect([image?.config.architecture, more]).toEqual([architecture, []])
  })

  test('where this machine’s is missing, it says what there is', async () => {
    const at = layout(({ put }) => {
      const list = ['s390x', 'riscv64'].map((cpu) => ({
        ...manifestOf(put),
        platform: { os: 'linux', architecture: cpu },
      }))
      return indexOf(...list)
    })
    await expect(load(at)).rejects.toThrow(`no image for linux/${architecture}, only for linux/s390x, linux/riscv64`)
    await expect(load(at)).rejects.toMatchObject({ code: 'NO_PLATFORM' })
  })

  const bad: [string, string, (put: Put, blobs: Map<string, Buffer>) => object][] = [
    [
      'a layer with other bytes',
      'BAD_DIGEST',
      (put, blobs) => {
        const manifest = manifestOf(put)
        blobs.set(hexOf(digestOf(tar)), tarOf({ path: 'f', data: 'HELLO' }))
        return manifest
      },
    ],
    [
      'a layer with other files than the config says',
      'BAD_DIGEST',
      (put) => manifestOf(put, { config: configOf(`sha256:${'0'.repeat(64)}`) }),
    ],
    [
      'a layer with another length',
      'BAD_DIGEST',
      (put) => {
        const layers = [{ ...put(tar, LAYER), size: 1 }]
        const config = put(configOf(digestOf(tar)), 'application/vnd.oci.image.config.v1+json')
        return put({ schemaVersion: 2, config, layers }, 'application/vnd.oci.image.manifest.v1+json')
      },
    ],
    [
      'a manifest with other bytes',
      'BAD_DIGEST',
      (put, blobs) => {
        const manifest = manifestOf(put)
        blobs.set(hexOf(manifest.digest), Buffer.from('{}'))
        return manifest
      },
    ],
    [
      'a digest that leads elsewhere',
      'BAD_DIGEST',
      (put) => ({ ...manifestOf(put), digest: 'sha256:../../../../etc/passwd' }),
    ],
    [
      'a digest of another kind',
      'UNKNOWN_TYPE',
      (put) => ({ ...manifestOf(put), digest: `sha512:${'0'.repeat(128)}` }),
    ],
    ['a layer of an unknown kind', 'UNKNOWN_TYPE', (put) => manifestOf(put, { type: 'application/vnd.in-toto+json' })],
    ['a manifest of an unknown kind', 'UNKNOWN_TYPE', (put) => ({ ...manifestOf(put), mediaType: 'application/json' })],
    ['more layers than the config has', 'BAD_ARCHIVE', (put) => manifestOf(put, { config: configOf() })],
    ['a config without layers', 'BAD_ARCHIVE', (put) => manifestOf(put, { config: { os: 'linux', architecture } })],
    [
      'another system',
      'NO_PLATFORM',
      (put) => manifestOf(put, { config: { ...configOf(digestOf(tar)), os: 'windows' } }),
    ],
    [
      'a blob that is missing',
      'BAD_ARCHIVE',
      (put, blobs) => {
        const manifest = manifestOf(put)
        blobs.delete(hexOf(digestOf(tar)))
        return manifest
      },
    ],
    [
      'a layer that breaks out',
      'BAD_ARCHIVE',
      (put) => {
        const data = tarOf({ path: '../../f', data: 'x' })
        return manifestOf(put, { data, config: configOf(digestOf(data)) })
      },
    ],
  ]
  test.for(bad)('%s: %s', async ([, code, make]) => {
    const at = layout(({ put, blobs }) => indexOf(make(put as Put, blobs)))
    await expect(load(at)).rejects.toMatchObject({ code })
    expect(store.images()).toEqual([])
    expect(readdirSync(join(store.root, 'layers'))).toEqual([])
    expect(readdirSync(join(store.root, 'tmp'))).toEqual(['lock'])
  })

  test('what is no image says so, and what to do', async () => {
    writeFileSync(path('root.tar'), tarOf({ path: 'etc/passwd' }))
    await expect(store.load(path('root.tar'))).rejects.toThrow(/box import/)
    await expect(store.load(path('nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    writeFileSync(path('text'), 'hello')
    await expect(store.load(path('text'))).rejects.toMatchObject({ code: 'BAD_ARCHIVE' })
  })

  test('a config that is not the one that Docker’s archive names', async () => {
    const config = Buffer.from(JSON.stringify(configOf(digestOf(tar))))
    const name = `${'0'.repeat(64)}.json`
    const list = JSON.stringify([{ Config: name, RepoTags: ['a:1'], Layers: ['layer.tar'] }])
    writeFileSync(
      path('a.tar'),
      tarOf({ path: name, data: config }, { path: 'layer.tar', data: tar }, { path: 'manifest.json', data: list }),
    )
    await expect(store.load(path('a.tar'))).rejects.toMatchObject({ code: 'BAD_DIGEST' })
  })

  test('Docker’s old archives have links in the place of layers', async () => {
    const config = Buffer.from(JSON.stringify(configOf(digestOf(tar), digestOf(tar))))
    const list = JSON.stringify([{ Config: 'config.json', RepoTags: null, Layers: ['a/layer.tar', 'b/layer.tar'] }])
    const archive = tarOf(
      { path: 'a/layer.tar', data: tar },
      { path: 'b/layer.tar', kind: 'symlink', link: '../a/layer.tar' },
      { path: 'config.json', data: config },
      { path: 'manifest.json', data: list },
    )
    writeFileSync(path('a.tar'), archive)
    const [image] = await store.load(path('a.tar'))
    expect(image?.layers).toHaveLength(2)
    expect(image?.references).toEqual([])
  })
})
