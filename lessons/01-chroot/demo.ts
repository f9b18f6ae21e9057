import { $ } from 'zx'
import { currentTree, here } from '#given/labs.ts'
import { compare, heading, namespaceRows, say, transcript } from '#given/show.ts'
import { layer } from '#given/stack.ts'
import { buildJail, libraries } from '#lesson/01-chroot/chroot.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: the secret, the processes and the jail are not your machine's.
await $`echo 'a secret of the host' > /run/secret`
await using host = await here(lesson)
const jail = '/tmp/jail'
$.nothrow = true
$.env = { ...process.env, LC_ALL: 'C' }
const lines = async (script: string) => (await $`sh -c ${script} 2>&1`).text().trimEnd()
const show = async (command: string) => transcript(command, (await lines(command)).replaceAll('\t', '  '))

heading('A program needs more than its own file')
await show("ldd /bin/ls | sed 's/ (.*//'")
say(`${libraries('/bin/ls').length} of these are files. buildJail() copies /bin/sh, /bin/ls, /bin/cat and theirs:`)
buildJail(jail, ['/bin/sh', '/bin/ls', '/bin/cat'])
await show(`find ${jail} -type f | sort`)
await show(`chroot ${jail} ps`)
say('What you did not bring is not there.')

heading('A process in the jail')
await using box = await host.start(['sh', '-c', 'ls -m /; cat'], { rootfs: jail })
await box.program.until(() => box.program.stdout.includes('\n'), 'ls had listed the root')
const status = (pid: number | string) => lines(`awk '/^Uid:/ { print $2, $3, $4, $5 }' /proc/${pid}/status`)
compare([
  ['ls /', `${(await $`ls /`.lines()).length} entries`, box.program.stdout.trim(), 'its own'],
  ['its root', await lines('readlink /proc/self/root'), await lines(`readlink /proc/${box.pid}/root`), 'its own'],
  ['its uids', await status('self'), await status(box.pid), "the host's"],
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(box.pid), ['mnt', 'pid', 'net', 'user']),
])

heading('Files are confined, and nothing else')
const victim = $`sleep 60`
const reach = 'mount -t proc proc /proc; ps -p $SLEEP; kill $SLEEP; ip -brief link'
const result = await host.run(['sh', '-c', reach], { env: { SLEEP: `${victim.pid}` } })
transcript(reach, result.stdout.replace(/ +$/gm, ''))
say(`The sleep was the host's: it ended with ${(await victim).signal}. The link is the host's too.`)
say(`And the mount is in the host's table: ${await lines('findmnt -no TARGET --mountpoint /run/workshop/rootfs/proc')}`)
await $`umount /run/workshop/rootfs/proc`

heading('Without chdir(2): the root is new, the working directory is the old one')
const forgetful = { name: 'forgetful', file: new URL('forgetful.ts', import.meta.url).pathname }
const walk = { cwd: '.', rootfs: jail } // where the caller stood: in /run/workshop
const out = await host.run(['/bin/cat', '../secret'], { ...walk, only: [], extra: [forgetful] })
transcript('cat ../secret', out.stdout + out.stderr)
say('With it:')
const held = await host.run(['/bin/cat', '../secret'], walk)
transcript('cat ../secret', held.stdout + held.stderr)

heading('With it, and a second chroot: mkdir x; chroot x; cd ..; cd ..; …; chroot .')
const escapee = { name: 'escapee', file: layer('chroot', currentTree()).file }
const escaped = await host.run(['/bin/cat', '/run/secret'], { rootfs: jail, extra: [escapee] })
transcript('cat /run/secret', escaped.stdout + escaped.stderr)
say('It takes CAP_SYS_CHROOT, which root has. Lesson 03 closes this way out.')

heading('chroot(1) makes the same calls, and with --userspec setuid(2) too')
await show('chroot --userspec=65534 /run/workshop/rootfs sh -c "pwd; id -u; chroot ."')
