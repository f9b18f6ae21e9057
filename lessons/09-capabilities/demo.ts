import { $ } from 'zx'
import { PRIVILEGES, type Privileges } from '#given/capabilities/privileges.ts'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type BoxOptions, here } from '#given/labs.ts'
import { chalk, compare, heading, type Row, say, table, transcript } from '#given/show.ts'
import { decode } from '#lesson/09-capabilities/capabilities.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: whatever is broken here is not your machine.
await using host = await here(lesson)
const allowed = (privileges: Partial<Privileges>): BoxOptions => ({ privileges: { ...PRIVILEGES, ...privileges } })

/** What a script says, or only why it cannot: `chown: changing ownership of '/tmp/f': Operation not permitted`. */
const short = (output: string) => output.trim().replace(/^.*: /, '')
const outside = async (script: string) => short(await $`sh -c ${`exec 2>&1; ${script}; true`}`.text())
const inside = async (script: string, privileges: Partial<Privileges> = {}, options: BoxOptions = {}) => {
  return short((await host.run(['sh', '-c', `exec 2>&1; ${script}`], { ...allowed(privileges), ...options })).stdout)
}

/** Twenty capabilities to four lines, and not to one. */
function list(names: string[]): void {
  for (let line = ''; names.length > 0; line = '') {
    while (names.length > 0 && line.length + (names[0] ?? '').length < 76) line += ` ${names.shift()}`
    say(chalk.dim(` ${line}`))
  }
}

heading('The sets of a process, and how many capabilities are in each')
const status = 'grep ^Cap /proc/self/status'
const setsOf = (text: string) => text.match(/[0-9a-f]{16}/g)?.map((mask) => String(decode(mask).length)) ?? []
const run = async (privileges: Partial<Privileges>) =>
  setsOf((await host.run(['sh', '-c', status], allowed(privileges))).stdout)
const columns = [
  setsOf(await $`sh -c ${status}`.text()),
  await run({}),
  await run({ user: '1000' }),
  await run({ user: '1000', asked: ['NET_RAW'] }),
]
const sets = ['inheritable', 'permitted', 'effective', 'bounding', 'ambient']
table(
  ['', 'host', 'container', '--user 1000', '--user 1000 --cap-add net_raw'],
  sets.map((set, i) => [set, ...columns.map((column) => column[i] ?? '')]),
)
const container = await host.run(['sh', '-c', status], allowed({}))
say("\nThe fourteen of the container's root, as in Docker:")
list(decode(container.stdout.match(/CapEff:\t(\w+)/)?.[1] ?? '0'))

heading('Root is refused')
const chown = 'touch /tmp/f$$; chown 1 /tmp/f$$ && echo works'
const fewer = PRIVILEGES.capabilities.filter((name) => name !== 'CHOWN')
const rows: [label: string, script: string, privileges?: Partial<Privileges>][] = [
  ['id -u', 'id -u'],
  ['chown', chown],
  ['  --cap-drop chown', chown, { capabilities: fewer }],
  ['hostname', 'hostname "$(hostname)" && echo works'],
  ['write /proc/sys', 'echo 60 > /proc/sys/net/ipv4/tcp_fin_timeout && echo works'],
  ['lines in /proc/keys', 'wc -l < /proc/keys | sed "s/^0$/none/;s/^[0-9].*/some/"'],
]
const compared: Row[] = []
for (const [label, script, privileges] of rows) {
  compared.push([label, await outside(script), await inside(script, privileges)])
}
compare(compared)

heading('A probe for each: without it, with it alone; then in two containers')
const stranger = $`setpriv --reuid 65534 --clear-groups sleep 600`.quiet().nothrow()
const probes = new URL('probes.ts', import.meta.url).pathname
const command = [process.execPath, '--no-warnings', probes, String(stranger.pid)]
type Outcomes = Record<string, { without: string; alone: string }>
const probe = async (capabilities: string[]): Promise<Outcomes> => {
  const options = { ...allowed({ capabilities, seccomp: false }), only: ['capabilities'] }
  return JSON.parse((await host.run(command, options)).stdout)
}
const all: Outcomes = JSON.parse((await host.exec(command)).stdout)
const fourteen = await probe(PRIVILEGES.capabilities)
const none = await probe([])
const coloured = (outcome = '') => (outcome === 'works' ? chalk.green(outcome) : outcome)
table(
  ['', 'host, without', 'host, alone', 'the fourteen', '--cap-drop all'],
  Object.entries(all).map(([name, { without, alone }]) => [
    name,
    ...[without, alone, fourteen[name]?.alone, none[name]?.alone].map(coloured),
  ]),
)
stranger.kill('SIGKILL')

heading('execve(2) gives root whatever the bounding set allows')
const capEff = 'grep CapEff /proc/self/status'
transcript(`capsh --caps= -- -c '${capEff}'`, await $`capsh --caps= -- -c ${capEff}`.text())
transcript(`capsh --drop=all -- -c '${capEff}'`, await $`capsh --drop=all -- -c ${capEff}`.text())

heading('A capability in a file: for whoever runs it, unless no_new_privs says no')
const grep = '/usr/local/bin/netgrep'
await $`mkdir -p ${LAB_ROOTFS}/usr/local/bin && cp ${LAB_ROOTFS}/bin/grep ${LAB_ROOTFS}${grep}`
await $`setcap cap_net_raw+ep ${LAB_ROOTFS}${grep}`
transcript(
  `setcap cap_net_raw+ep netgrep; getcap netgrep`,
  (await $`getcap ${LAB_ROOTFS}${grep}`.text()).replace(LAB_ROOTFS, ''),
)
const filecap = `${grep} CapEff /proc/self/status`
const hex = (text: string) => decode(text.replace(/^CapEff:\s*/, '')).join(' ') || 'none'
const [lax, strict] = [
  await inside(filecap, { user: '1000', newPrivileges: true }),
  await inside(filecap, { user: '1000' }),
]
table(
  ['', 'what netgrep has'],
  [
    ['--user 1000 --new-privileges', hex(lax)],
    ['--user 1000', hex(strict)],
  ],
)

heading('A filter of system calls: a user namespace would bring all of it back')
const nested = 'unshare --user --map-root-user grep CapEff /proc/self/status'
const answer = (text: string) =>
  /^[0-9a-f]{16}$/.test(text.split('\t')[1] ?? '') ? `${decode(text.split('\t')[1] ?? '').length} capabilities` : text
table(
  ['', 'unshare --user'],
  [
    ['--seccomp unconfined', answer(await inside(nested, { user: '1000', seccomp: false }))],
    ['--seccomp default', answer(await inside(nested, { user: '1000' }))],
  ],
)
