import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { seconds } from '#given/patience.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { project } from '#given/spec.ts'
import type { Store } from '../../../lessons/10-images/given/interface.ts'
import { openStore } from '../../../lessons/10-images/given/store.ts'
import { box } from '../boxes.ts'
import { SEEN, twoLayers } from '../two-layers.ts'
import { installTools } from './tools.ts'

// Images to skopeo, podman and docker, and theirs to us. None of them asks a registry.

const fixture = new URL('../fixtures/images.ts', import.meta.url).pathname
const HIDDEN = ['etc/gone', 'srv/old/a']

beforeAll(installTools, 600_000)

let folder: string
let store: Store
beforeEach(() => {
  folder = mkdtempSync('/var/tmp/workshop-exchange-')
  store = openStore(join(folder, 'store'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = (name: string) => join(folder, name)

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: seconds(50) })
  expect(status, `${program} ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

/** Which files of the image a tar of a container's root has. */
function seenIn(tar: string): string[] {
  const names = run('tar', '--list', '--file', tar).split('\n')
  return [...SEEN, ...HIDDEN].filter((name) => names.includes(name))
}

/** What a container of ours says, of an image of others that lies in an archive. */
async function loadedAndRun(archive: string, image: string, ...argv: string[]): Promise<string> {
  const env = { WORKSHOP_IMAGES: path('theirs') }
  const loaded = await box([archive], { verb: 'load', env })
  expect(loaded.code, loaded.stderr).toBe(0)
  const { stdout, stderr } = await box(['--reference', image, '--', ...argv], { env })
  expect(stderr).toBe('')
  return stdout
}

describe('skopeo', () => {
  const skopeo = (...args: string[]) => run('skopeo', '--insecure-policy', ...args)

  test('reads the store itself, and our archives', async () => {
    const image = await twoLayers(store, folder)
    await store.save([image], path('oci.tar'), { format: 'oci', compression: 'gzip' })
    await store.save([image], path('docker.tar'), { format: 'docker' })
    for (const from of [
      `oci:${store.root}:web:1`,
      `oci-archive:${path('oci.tar')}:web:1`,
      `docker-archive:${path('docker.tar')}`,
    ]) {
      const config = JSON.parse(skopeo('inspect', '--config', from))
      expect(config.rootfs.diff_ids, from).toEqual(image.config.rootfs.diff_ids)
      expect(config.config.Cmd, from).toEqual(['cat', '/etc/app'])
    }
  })

  test('what it writes, we read', { timeout: seconds(60) }, async () => {
    const image = await twoLayers(store, folder)
    await store.save([image], path('gzip/'), { format: 'oci', compression: 'gzip' })
    const source = `oci:${path('gzip')}:web:1` // Docker's format has no zstd
    const ways = [
      [`oci:${path('a')}:web:1`],
      [`oci-archive:${path('b.tar')}:web:1`],
      [`docker-archive:${path('c.tar')}:web:1`],
      [`oci:${path('d')}:web:1`, '--dest-compress-format', 'zstd'],
    ]
    for (const [to = '', ...options] of ways) {
      skopeo('copy', ...options, source, to)
      const other = openStore(path(`store-${to.split(':')[0]}-${options.length}`))
      const [loaded] = await other.load(to.split(':')[1] ?? '')
      expect(loaded?.config.rootfs.diff_ids, to).toEqual(image.config.rootfs.diff_ids)
      expect(loaded?.references.join(), to).toMatch(/(^|\/)web:1$/) // Docker's archives have a host before it
      expect(other.find('web:1').id, to).toBe(loaded?.id)
    }
    skopeo('copy', source, `dir:${path('e')}`)
    await expect(store.load(path('e')), 'a format of its own').rejects.toMatchObject({ code: 'UNKNOWN_TYPE' })
  })
})

describe('podman', () => {
  const podman = (...args: string[]) =>
    run('podman', '--root', path('podman'), '--runroot', path('podman-run'), '--storage-driver', 'vfs', ...args)

  test('loads ours, sees what we see, and gives back the same', { timeout: seconds(110) }, async () => {
    const image = await twoLayers(store, folder)
    for (const format of ['docker', 'oci'] as const) {
      await store.save([image], path(`${format}.tar`), { format })
      podman('load', '--input', path(`${format}.tar`))
      const id = podman('images', '--no-trunc', '--format', '{{.Id}}').trim()
      expect(`sha256:${id.replace('sha256:', '')}`).toBe(image.id)
      podman('create', '--name', format, id)
      podman('export', '--output', path(`${format}-root.tar`), format)
      expect(seenIn(path(`${format}-root.tar`)), 'what is removed is not seen there, either').toEqual(SEEN)
      podman('save', '--format', `${format}-archive`, '--output', path(`${format}-back.tar`), id)
      const [loaded] = await openStore(path(`store-${format}`)).load(path(`${format}-back.tar`))
      expect(loaded?.config.rootfs.diff_ids).toEqual(image.config.rootfs.diff_ids)
      podman('rm', format)
      podman('rmi', id)
    }
  })

  test('builds one and changes one, and we run both', { timeout: seconds(110) }, async () => {
    cpSync(ensureRootfs(), path('context/root'), { recursive: true, verbatimSymlinks: true })
    const steps = [
      'FROM scratch',
      'COPY root /',
      'ENV WORD=theirs',
      'WORKDIR /srv',
      'CMD ["sh", "-c", "pwd; echo $WORD"]',
    ]
    writeFileSync(path('context/Containerfile'), steps.join('\n'))
    podman('build', '--tag', 'made:1', path('context'))
    for (const format of ['docker-archive', 'oci-archive']) {
      podman('save', '--format', format, '--output', path(format), 'made:1')
      expect(await loadedAndRun(path(format), 'made:1')).toBe('/srv\ntheirs\n')
    }
    podman('create', '--name', 'changing', 'made:1')
    const root = podman('mount', 'changing').trim()
    rmSync(join(root, 'etc/passwd'))
    rmSync(join(root, 'home'), { recursive: true })
    writeFileSync(join(root, 'home'), 'a file now\n')
    podman('umount', 'changing')
    podman('commit', 'changing', 'made:2')
    podman('save', '--output', path('changed.tar'), 'made:2')
    const look = ['sh', '-c', 'cat /home; ls -d /etc/group /etc/passwd 2>&-; exit 0']
    expect(await loadedAndRun(path('changed.tar'), 'made:2', ...look), 'what is removed there').toBe(
      'a file now\n/etc/group\n',
    )
  })
})

/**
 * A daemon in the lab, with nothing of the machine's: $1 is its folder, the rest a script for it. It ends with 77 where
 * the daemon does not come up, and says with which words.
 */
const WITH_DOCKER = `
mkdir -p /run/etc && cp -a /etc/. /run/etc && mount --bind /run/etc /etc # it writes to /etc/docker
dockerd --data-root /run/docker-data --exec-root /run/docker-run --pidfile /run/docker.pid --host unix:///run/docker.sock \\
  --bridge=none --iptables=false --ip6tables=false --ip-forward=false --storage-driver=vfs >/run/docker.log 2>&1 &
export DOCKER_HOST=unix:///run/docker.sock
until docker version >/dev/null 2>&1; do kill -0 $! 2>/dev/null || { tail -n 1 /run/docker.log >&2; exit 77; }; sleep 0.2; done
set -e
`
const NO_DAEMON = 77

describe('docker', () => {
  test('loads ours, sees what we see, gives back the same, and makes one that we run', {
    timeout: seconds(110),
  }, async ({ skip }) => {
    const image = await twoLayers(store, folder)
    await store.save([image], path('docker.tar'), { format: 'docker' })
    run('tar', '--create', '--directory', ensureRootfs(), '--file', path('root.tar'), '.')
    const script = `${WITH_DOCKER}
      docker load --quiet --input "$1/docker.tar" >&2
      docker image inspect --format '{{index .RepoTags 0}} {{.Id}} {{.Config.Cmd}}' web:1
      docker export --output /run/root.tar $(docker create web:1)
      tar --list --file /run/root.tar | grep -E '^(${[...SEEN, ...HIDDEN].join('|')})$' | sort | paste -sd ' '
      docker save --output /run/back.tar web:1
      "$2" --no-warnings "$3" load /run/store /run/back.tar
      docker import --change 'ENV WORD=theirs' --change 'CMD ["sh", "-c", "echo $WORD"]' "$1/root.tar" made:1 >&2
      docker save --output /run/made.tar made:1
      "$2" --no-warnings "$4" load /run/made.tar >&2
      "$2" --no-warnings "$4" run --reference made:1 --
      kill $! && wait $!`
    await using host = await openLab() // the daemon is gone with it
    const env = {
      PATH: process.env.PATH ?? '',
      WORKSHOP_HERE: '1',
      WORKSHOP_NET: 'none',
      WORKSHOP_IMAGES: '/run/store',
    }
    const argv = ['sh', '-c', script, 'sh', folder, process.execPath, fixture, join(project, 'scripts/box.ts')]
    const { stdout, stderr, code } = await host.exec(argv, { timeout: 90, env })
    if (code === NO_DAEMON) return skip(`dockerd does not come up here: ${stderr.trim()}`)
    expect(stdout.trim().split('\n'), stderr).toEqual([
      `web:1 ${image.id} [cat /etc/app]`,
      SEEN.join(' '),
      image.id,
      'theirs',
    ])
  })
})
