import { $ } from 'zx'
import { type BoxOptions, here } from '#given/labs.ts'
import { compare, heading, namespaceRows, say, table } from '#given/show.ts'
import { ALONE, addLearner, GID, GRANTED, UID } from '#given/user/learner.ts'
import { lesson } from './lesson.ts'

// Runs in a lab, in which there is a user `learner`. All that follows he does without root.
await using host = await here(lesson)
const asLearner = await addLearner(host)
const mine: BoxOptions = { ids: ALONE, under: asLearner }

/** What a script prints; of a program that was refused, only why: `cat: /etc/shadow: Permission denied`. */
const short = (text: string) => text.trim().replace(/^.*: /, '')
const outside = async (script: string) => short(await $`sh -c ${`exec 2>&1; ${script}; true`}`.text())
const learner = async (script: string) => short(await $`${asLearner} sh -c ${`exec 2>&1; ${script}; true`}`.text())
const inside = async (script: string, options = mine) => {
  return short((await host.run(['sh', '-c', `exec 2>&1; ${script}`], options)).stdout)
}

heading('Root in there is an ordinary user out here')
await $`mkdir -m 777 /run/shared`
const owner = 'stat -c %u:%g'
await using box = await host.start(['sh', '-c', 'touch /run/shared/made; echo made; exec sleep 60'], mine)
await box.program.until(() => box.program.stdout.includes('made'), 'a file of its')
compare([
  ['who is it?', await outside(`ps -o uid= -p ${box.pid}`), await inside('id -u')],
  ['owner of a file it made', await outside(`${owner} /run/shared/made`), await inside(`${owner} /run/shared/made`)],
  ['owner of /etc/shadow', await outside(`${owner} /etc/shadow`), await inside(`${owner} /etc/shadow`), 'nobody'],
  ...namespaceRows(await host.namespaces('self'), await host.namespaces(box.pid), ['user']),
])

heading('Before it has maps, everybody in a user namespace is nobody')
await $`${asLearner} unshare --user sh -c ${'id -u; id -g; grep CapEff /proc/self/status'}`.pipe(process.stdout)

heading('What belongs to the namespace obeys its root, and nothing else does')
const volumes = [{ source: '/etc', target: '/srv', kind: 'folder' as const, readonly: false }]
const everything: BoxOptions = { ...mine, only: ['user', 'net', 'uts', 'pid', 'mount', 'ipc'], volumes }
const attempts: [what: string, script: string][] = [
  ['mount a tmpfs', 'mount -t tmpfs none /mnt'],
  ['rename the machine', 'hostname mine'],
  ['raise a limit', 'echo 1048576 > /proc/sys/kernel/shmmax'],
  ['read /etc/shadow', 'cat /srv/shadow || cat /etc/shadow'],
  ['set the clock', 'date -s "$(date)" > /dev/null'],
  ['make a disk', 'mknod /tmp/disk b 8 0'],
  ['load a module', 'busybox insmod /dev/null'],
]
const script = attempts.map(([, attempt]) => `if ( ${attempt} ) 2> /dev/null; then echo works; else echo refused; fi`)
const [before, after] = [await learner(script.join('; ')), await inside(script.join('; '), everything)].map((answers) =>
  answers.split('\n'),
)
table(
  ['', 'a user', 'the same, as root of his namespace'],
  attempts.map(([what], i) => [what, before?.[i] ?? '', after?.[i] ?? '']),
)

heading('More users than one: ids that root granted him in /etc/subuid')
await $`grep learner /etc/subuid /etc/subgid`.pipe(process.stdout)
const several: BoxOptions = { ...mine, ids: GRANTED }
const made = 'cd /run/shared; for id in 0 1 33; do touch of-$id; chown $id:$id of-$id; done'
await inside(made, several)
const of = async (id: number) => [`user ${id} inside`, await outside(`${owner} /run/shared/of-${id}`)]
table(['', 'outside'], [await of(0), await of(1), await of(33)])

heading('Why setgroups must go: a file that keeps one group out, rw----r--')
await $`echo 'not for group 24' > /run/shared/kept; chgrp 24 /run/shared/kept; chmod 604 /run/shared/kept`
const member = ['setpriv', '--reuid', `${UID}`, '--regid', `${GID}`, '--groups', '24', '--']
const cat = 'cat /run/shared/kept'
table(
  ['', 'setgroups', 'a member reads it'],
  [
    ['on the host', 'for root only', short(await $`${member} sh -c ${`exec 2>&1; ${cat}; true`}`.text())],
    ['his own group mapped', 'deny', await inside(cat, { ...mine, under: member })],
    ['groups of /etc/subgid', 'allow', await inside(cat, { ...several, under: member })],
  ],
)
say('\nHe who left the group is kept out no more. So it takes root, by /etc/subgid.')
