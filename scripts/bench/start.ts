import { join } from 'node:path'
import { writeBundle } from './lib/bundle.ts'
import { does, type Subject } from './lib/subject.ts'
import { box, podman, program, ULIMITS } from './lib/tools.ts'

/** Each as its own man page would have one run `true` in a folder, with pid, mount, uts and ipc namespaces. */
const subject: Subject = {
  title: 'Start to end of `true`, in a folder',
  candidates(place) {
    const { rootfs, folder } = place
    const bundle = writeBundle(place, ['true'])
    const node = { name: 'node -e 0', call: [process.execPath, '-e', '0'] }
    const ours = (name: string, ...options: string[]) =>
      does(place, { ...box(place), name }, { run: ['run', '--reference', ...options, rootfs, '--', 'true'] })
    const bundled = (name: string, ...options: string[]) =>
      does(place, program(name, ['--root', join(folder, name), ...options]), {
        run: ['run', '--bundle', bundle, `workshop-bench-${name}`],
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
