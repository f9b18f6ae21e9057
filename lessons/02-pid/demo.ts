import { writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { $ } from 'zx'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type Box, type BoxOptions, here } from '#given/labs.ts'
import { compare, heading, say, table, transcript } from '#given/show.ts'
import { pidsOf } from '#lesson/02-pid/pid.ts'
import { lesson } from './lesson.ts'

await using host = await here(lesson)
const own: BoxOptions = { only: ['pid', 'mount'] }
const psIn = ({ pid }: Box, columns: string) => $`nsenter --target ${pid} --pid --mount ps -e -o ${columns}`.text()
const tree = () => $`pstree -ApT ${process.pid}`.text()
const before = await tree()

heading('Two servers (stand-ins: scripts of that name), two containers')
for (const name of ['httpd', 'vsftpd']) {
  writeFileSync(`${LAB_ROOTFS}/usr/bin/${name}`, '#!/bin/sh\nread -r request\n', { mode: 0o755 })
}
await using httpd = await host.start(['httpd'], own)
await using vsftpd = await host.start(['vsftpd'], own)
compare([
  ['httpd', `pid ${httpd.pid}`, `pid ${pidsOf(httpd.pid).at(-1)}`, 'one process, two numbers'],
  ['vsftpd', `pid ${vsftpd.pid}`, `pid ${pidsOf(vsftpd.pid).at(-1)}`],
])
const both = `${httpd.pid},${vsftpd.pid}`
transcript(`ps -o pid,comm -p ${both}`, await $`ps -o pid,comm -p ${both}`.text())
for (const [name, box] of Object.entries({ httpd, vsftpd })) {
  transcript(`ps -e -o pid,comm     # in the container of ${name}`, await psIn(box, 'pid,comm'))
}

heading("The host's tree of processes, before and after")
transcript('pstree -ApT', before)
transcript('pstree -ApT', await tree())

heading('A container in a container: three numbers')
await using outer = await host.start(['unshare', '--pid', '--fork', 'sh', '-c', 'echo up; read -r request'], own)
await outer.program.until(() => outer.program.stdout.includes('up'), 'the inner one was up')
const inner = (await $`pgrep -P ${outer.pid}`.text()).trim()
transcript(`grep NSpid /proc/${inner}/status`, await $`grep NSpid /proc/${inner}/status`.text())

heading("--only pid: a number of its own, but /proc is still the host's")
const lie = await host.run(['sh', '-c', 'echo $$; readlink /proc/self; ps -e --no-headers | wc -l'], { only: ['pid'] })
const truth = await host.run(['sh', '-c', 'echo $$; readlink /proc/self; ps -e --no-headers | wc -l'], own)
const [lies, truths] = [lie, truth].map(({ stdout }) => stdout.trim().split('\n'))
table(
  ['', '--only pid', '--only pid,mount'],
  ['echo $$', 'readlink /proc/self', 'ps -e | wc -l'].map((what, i) => [what, lies?.[i] ?? '', truths?.[i] ?? '']),
)

heading('Signals to a pid 1 that handles none')
const names = ['TERM', 'KILL']
const fromInside = async (name: string, options: BoxOptions) => {
  const { code } = await host.run(['sh', '-c', `kill -${name} $$; exit 0`], options)
  return code === 0 ? 'dropped' : `ends it, ${code}`
}
const fromHost = async (name: string) => {
  await using box = await host.start(['sleep', '60'], own)
  await $`kill -s ${name} ${box.pid}`
  await Promise.race([box.program.result, wait(200)]) // for what may never come
  return box.program.ended ? `ends it, ${(await box.program.result).code}` : 'dropped'
}
table(
  ['', 'from inside', 'from the host', 'without the namespace'],
  await Promise.all(
    names.map(async (name) => [
      `SIG${name}`,
      await fromInside(name, own),
      await fromHost(name),
      await fromInside(name, { ...own, flags: { pid: 0 } }),
    ]),
  ),
)

heading('A shell in front of the server')
const server = ['sh', '-c', "trap 'echo closing; exit 7' TERM; echo ready; sleep 60 & wait"]
const rows: string[][] = []
for (const entry of ['"$@"; echo bye', 'exec "$@"']) {
  await using box = await host.start(['sh', '-c', entry, 'entry', ...server], own)
  await box.program.until(() => box.program.stdout.includes('ready'), 'the server was ready')
  await $`kill -TERM ${box.pid}`
  await Promise.race([box.program.result, wait(200)])
  rows.push([`sh -c '${entry}'`, box.program.ended ? 'the server closes, exit code 7' : 'dropped: the shell is pid 1'])
}
table(['', 'SIGTERM from the host'], rows)

heading('Orphans: three processes whose parent is gone, and which end')
const orphans = ['sh', '-c', '(sleep 0.1 & sleep 0.1 & sleep 0.1 &); echo made; exec sleep 60']
for (const init of [false, true]) {
  await using box = await host.start(orphans, { ...own, init })
  await box.program.until(() => box.program.stdout.includes('made'), 'the orphans were made')
  const waiting = async () => (await $`ps --ppid ${box.pid} -o args=`.nothrow().text()).includes('sleep 0.1')
  while (await waiting()) await wait(20)
  transcript(
    `ps -e -o pid,ppid,stat,comm     # ${init ? 'with --init' : 'sleep is pid 1'}`,
    await psIn(box, 'pid,ppid,stat,comm'),
  )
}

heading('Pid 1 dies, all die')
await using family = await host.start(['sh', '-c', 'sleep 60 & sleep 60 & sleep 60 & echo up; wait'], own)
await family.program.until(() => family.program.stdout.includes('up'), 'its children had started')
const children = (await $`pgrep -P ${family.pid}`.lines()).join()
const alive = async () => (await $`ps -o pid= -p ${children}`.nothrow().lines()).length
const count = await alive()
await $`kill -KILL ${family.pid}`
await family.program.result
say(`${count} children of pid 1; then kill -KILL of pid 1 alone; ${await alive()} are left.`)
