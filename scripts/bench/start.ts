import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './lib/place.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, podman, program, ULIMITS } from './lib/tools.ts'

/** Each as its own man page would have one run `true` in a folder, with pid, mount, uts and ipc namespaces. */
const subject: Subject = {
  title: 'Start to end of `true`, in a folder',
  candidates(place) {
    const { rootfs, folder } = place
    writeBundle(place)
    const node = { name: 'node -e 0', call: [process.execPath, '-e', '0'] }
    const ours = (name: string, ...options: string[]) =>
      does(place, { ...box(place), name }, { run: ['run', '--reference', ...options, rootfs, '--', 'true'] })
    const bundled = (name: string, ...options: string[]) =>
      does(place, program(name, ['--root', join(folder, name), ...options]), {
        run: ['run', '--bundle', folder, `workshop-bench-${name}`],
      })
    const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--fork']
    return [
      does(place, node, { run: [] }),
      ours('the workshop'),
      ours('the same, limited', '--memory', '512m', '--cpus', '0.5', '--pids-limit', '64'),
      ours('the same, --userns', '--userns'),
      does(
        place,
        { ...program('unshare'), name: 'unshare + chroot' },
        { run: [...namespaces, 'chroot', rootfs, 'true'] },
      ),
      does(place, program('bwrap'), {
        run: [
          ...['--bind', rootfs, '/', '--proc', '/proc', '--dev', '/dev'],
          ...['--unshare-pid', '--unshare-uts', '--unshare-ipc', 'true'],
        ],
      }),
      bundled('crun', '--cgroup-manager=disabled'),
      bundled('runc'),
      does(place, podman(place), { run: ['run', '--rm', '--network=none', ...ULIMITS, '--rootfs', rootfs, 'true'] }),
    ]
  },
}
export default subject

/** A bundle for the OCI runtimes: config.json of the runtime specification, as short as it can be. */
function writeBundle({ rootfs, folder }: Place): void {
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: ['PATH=/usr/bin:/bin'], cwd: '/' },
    root: { path: rootfs },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
}
