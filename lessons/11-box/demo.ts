import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { $ } from 'zx'
import { LAB, LAB_ROOTFS } from '#given/lab.ts'
import { NAMESPACES, namespaces, status } from '#given/proc.ts'
import { running } from '#given/running.ts'
import { compare, heading, say, table, transcript } from '#given/show.ts'
import { project } from '#given/spec.ts'
import { pidsOf } from '#lesson/02-pid/pid.ts'

// Runs in a lab, and types what you would type: the tool itself, with the finished functions.
const LAST_PID = `${LAB}/proc/sys/kernel/ns_last_pid`
const home = '/run/demo'
const env = { ...process.env, PATH: `${home}/bin:${process.env.PATH}`, WORKSHOP_IMAGES: `${home}/images` }
const sh = async (script: string) => (await $({ env })`bash -c ${`exec 2>&1; ${script}`}`.nothrow().text()).trimEnd()
/** Types a command, and shows what it prints. */
const type = async (line: string) => transcript(line, await sh(line.replace(/ {3,}#.*/, '')))
await $`mkdir -p ${home}/bin`
const box = `#!/bin/sh
verb=$1; shift
case $verb in run | exec) set -- --reference "$@" ;; esac
exec ${process.execPath} --no-warnings ${project}/scripts/box.ts "$verb" "$@"
`
writeFileSync(`${home}/bin/box`, box, { mode: 0o755 })
await makeImage()
const steps = await stepsToContainer()

heading('The session of one of our texts, with box in the place of docker')
await type('box run -it -d --name a --cpu-shares 512 --memory 512m workshop -- /bin/bash')
const bash = pidOf('a')
const supervisor = Number(status(bash, 'PPid'))
await type(`box inspect a | grep -E '"pid": [0-9]'`)
await type(`ps -o pid,ppid,comm -p ${supervisor},${bash}`)
const isV1 = (await fileOf('cpu.shares')) !== ''
await type(`grep -E '${isV1 ? '(cpu|cpu,cpuacct|memory):' : '0::'}' /proc/${bash}/cgroup`)
for (const name of isV1 ? ['cpu.shares', 'memory.limit_in_bytes'] : ['cpu.weight', 'memory.max']) {
  const file = await fileOf(name)
  if (file) await type(`cat ${file}`)
  else say(`skipped: the lab has no group with ${name}`)
}
if (!isV1) say('50 is to 100 as 512 to 1024: a rule of three. Lesson 08 has two other formulas.')

heading(`Who is ${supervisor}? In the text it is 4774, a shim. Here it is no program`)
table(
  ['', 'the supervisor', 'this demo, a Node'],
  [
    ['memory', megabytes(supervisor), megabytes(process.pid)],
    ['threads', status(supervisor, 'Threads') ?? '', status(process.pid, 'Threads') ?? ''],
    ['waits in', readFileSync(`/proc/${supervisor}/wchan`, 'utf8'), ''],
  ],
)

heading('A second command in it')
await type('box exec a -- ps -e -o pid,ppid,comm')
const second = spawn(`${home}/bin/box`, ['exec', 'a', '--', 'sleep', '60'], { env, stdio: 'ignore' })
const sleep = Number(await sh('until pgrep -x sleep; do sleep 0.02; done'))
const same = NAMESPACES.filter((kind) => namespaces(sleep)[kind] === namespaces(bash)[kind])
compare([
  ['bash', `pid ${bash}`, `pid ${pidsOf(bash).at(-1)}`, `child of ${nameOf(status(bash, 'PPid'))}`],
  ['sleep', `pid ${sleep}`, `pid ${pidsOf(sleep).at(-1)}`, `child of ${nameOf(status(sleep, 'PPid'))}`],
])
say(`${same.length} of ${NAMESPACES.length} namespaces are the same. Nobody in there saw the Node that joined them.`)
second.kill('SIGKILL')
await inTerminal('stty rows 33 cols 99; box exec -it a -- stty size')

heading('Two servers (stand-ins), each pid 1, each on port 80')
for (const [name, port, number] of [
  ['httpd', 8081, 1000],
  ['vsftpd', 8082, 2000],
] as const) {
  countFrom(number - steps)
  await type(`box run -d --name ${name} --publish ${port}:80 workshop -- ${name}`)
}
const servers = ['httpd', 'vsftpd'].map((name) => ({ name, pid: pidOf(name) }))
for (const { pid } of servers) await sh(`until nsenter -t ${pid} -n ss -Htln | grep -q :80; do sleep 0.02; done`)
compare(servers.map(({ name, pid }) => [name, `pid ${pid}`, `pid ${pidsOf(pid).at(-1)}`]))
for (const port of [8081, 8082]) await type(`busybox wget -q -O - 127.0.0.1:${port}`)
await type('box run -d --publish 8081:80 workshop -- httpd')

heading('The end')
await type(`kill -KILL ${pidOf('httpd')}; box wait httpd`)
await type('box rm --force vsftpd')
await type('box ps --all')
await type('box logs httpd')
await type('box rm --force httpd a')

/** An image with what the session takes: this machine's bash, and busybox's httpd under two names. */
async function makeImage(): Promise<void> {
  const folder = '/usr/lib/stand-ins'
  const serve = (name: string) => `#!/bin/bash
echo ${name}, which is pid $$ | tee /srv/index.html
exec -a httpd ${folder}/${name} -f -p 80 -h /srv
`
  await sh(`
    for file in /bin/bash $(ldd /bin/bash | grep -o '/[^ ]*'); do
      [ -e ${LAB_ROOTFS}$file ] || { mkdir -p ${LAB_ROOTFS}$(dirname $file); cp $file ${LAB_ROOTFS}$file; }
    done
    mkdir ${LAB_ROOTFS}${folder}
    for name in httpd vsftpd; do ln -s /bin/busybox ${LAB_ROOTFS}${folder}/$name; done`)
  for (const name of ['httpd', 'vsftpd']) writeFileSync(`${LAB_ROOTFS}/usr/bin/${name}`, serve(name), { mode: 0o755 })
  await sh(`box import ${LAB_ROOTFS} workshop`)
}

/** The first process of a container, as the host numbers it. */
function pidOf(name: string): number {
  const entry = running().find(({ container }) => container.spec.name === name)
  if (!entry) throw new Error(`the container ${name} does not run`)
  return entry.container.pid
}

/** Where the container's group has this file; nothing where there is none. */
async function fileOf(name: string): Promise<string> {
  const id = running()[0]?.container.id
  return sh(`find /sys/fs/cgroup -path '*${id}/${name}'`)
}

function megabytes(pid: number): string {
  return `${(Number.parseInt(status(pid, 'VmRSS') ?? '', 10) / 1024).toFixed(1)} MB`
}

function nameOf(pid: string | undefined): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
}

/** Types a command in a terminal, which script(1) makes. */
async function inTerminal(line: string): Promise<void> {
  const terminal = spawn('script', ['--quiet', '--command', line, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const printed = await text(terminal.stdout)
  terminal.stdin.end() // not before: script(1) would type the end of its input
  transcript(line, printed.replaceAll('\r', ''))
}

/** How many numbers are given away from the shell that types a `box run -d` to the first process of the container. */
async function stepsToContainer(): Promise<number> {
  const before = lastPid()
  await sh('box run -d --name one workshop -- sleep 600')
  const steps = pidOf('one') - before
  await sh('box rm --force one')
  return steps
}

/** The number that the kernel gave last, in this pid namespace: proc_sys_kernel(5), ns_last_pid. */
function lastPid(): number {
  return existsSync(LAST_PID) ? Number(readFileSync(LAST_PID, 'utf8')) : 0
}

/** From which number on the kernel counts. Not every kernel lets one say so. */
function countFrom(pid: number): void {
  if (existsSync(LAST_PID)) writeFileSync(LAST_PID, String(pid))
}
