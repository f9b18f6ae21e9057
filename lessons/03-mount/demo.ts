import { $ } from 'zx'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type BoxOptions, here } from '#given/labs.ts'
import { compare, heading, namespaceRows, type Row, say } from '#given/show.ts'
import { layer } from '#given/stack.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: whatever is mounted here is not on your machine.
await using host = await here(lesson)
const mine: BoxOptions = { only: ['pid', 'mount'] } // pid, so that /proc has something to show

/** What a script says, or only why it cannot: `sh: 1: cannot create /sys/x: Read-only file system`. */
const short = (output: string) => output.trim().replace(/^.*: /, '')
const outside = async (script: string) => short(await $`sh -c ${`exec 2>&1; ${script}; true`}`.text())
const inside = async (script: string, options = mine) => {
  return short((await host.run(['sh', '-c', `exec 2>&1; ${script}`], options)).stdout)
}
const both = async (label: string, script: string, remark = '', options = mine): Promise<Row> => {
  return [label, await outside(script), await inside(script, options), remark]
}
const count = (text: string) => String(text.trim().split('\n').length)
const table = (pid: number | 'self') => host.read(`/proc/${pid}/mountinfo`)

heading('A new mount namespace is a copy, until you mount')
const before = count(await table('self'))
const copy = count(await $`unshare --mount cat /proc/self/mountinfo`.text())
await using box = await host.start(['sh', '-c', 'exec 3<>/dev/ptmx; cd /dev/pts; echo *; exec sleep 60'], mine)
compare([
  ['mounts after clone', before, copy, 'a copy'],
  ['mounts after lesson 03', count(await table('self')), count(await table(box.pid)), 'its own'],
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(box.pid), ['mnt']),
])

heading('Why MS_PRIVATE: mount on /mnt in a copy, and look at /mnt')
const look = 'mountpoint -q /mnt && echo a mount || echo an empty folder'
const mountInCopy = (propagation: string) =>
  $`unshare --mount --propagation ${propagation} sh -c ${`mount -t tmpfs t /mnt; ${look}`}`.text()
const privately: Row = ['MS_PRIVATE', '', short(await mountInCopy('private')), 'its own']
privately[1] = await outside(look)
const shared = short(await mountInCopy('unchanged'))
compare([privately, ['still shared', await outside(look), shared, 'you mounted on the host']])
await $`umount /mnt`

heading('Another root: a container runs `cat /run/secret`, a file of the host')
await $`echo 'the host!' > /run/secret`
const escapee = { name: 'escapee', file: layer('chroot', 'solutions').file }
const cat = async (label: string, remark: string, options: BoxOptions) => {
  const row = await both(label, 'cat /run/secret', remark, options)
  await $`rm -rf ${LAB_ROOTFS}/way-out`
  return row
}
compare([
  await cat('neither', "the host's root", { only: [] }),
  await cat('chroot', '', { only: ['chroot'] }),
  await cat('chroot + escape', 'you are out', { only: ['chroot'], extra: [escapee] }),
  await cat('pivot_root', '', { only: ['mount'] }),
  await cat('pivot_root + escape', 'no way back', { only: ['mount'], extra: [escapee] }),
])

heading("The kernel's own: /proc, /sys, /dev")
await $`touch /dev/shm/theirs`
await box.program.until(() => box.program.stdout.includes('\n'), 'it had opened a terminal')
compare([
  await both('processes', 'set -- /proc/[0-9]*; echo $#', 'its own'),
  await both('write /sys', 'echo x > /sys/kernel/profiling', 'the lab, too'),
  await both('write /dev/null', 'echo x > /dev/null && echo works'),
  ['ls /dev/pts', await outside('cd /dev/pts; echo *'), box.program.stdout.trim(), 'its own'],
  await both('ls /dev/shm', 'ls /dev/shm | grep . || echo nothing', 'its own'),
])

heading('A volume, read-only: the host writes, the container reads')
await $`mkdir -p /run/data; echo hello > /run/data/file`
const volume = { source: '/run/data', target: '/run/data', kind: 'folder' as const, readonly: true }
const options: BoxOptions = { ...mine, volumes: [volume] }
compare([
  await both('read', 'cat /run/data/file', '', options),
  await both('write', 'echo x > /run/data/new && echo works', 'EROFS', options),
])

heading('An image with a trap: its /dev is a link to a folder of the host')
await $`mkdir -p /run/trap/proc /run/trap/sys && ln -s /etc /run/trap/dev`
const trapped = await host.run(['true'], { ...mine, rootfs: '/run/trap' })
say(trapped.stderr.split('\n').slice(0, 2).join('\n'))
