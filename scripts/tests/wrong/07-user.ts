import type { Right, Wrong } from './wrong.ts'

const OUTSIDE = '07.3 root inside is you outside'
const LINES = '07.3 every line of a map'
const RANGE = 'const { inside, outside, count } = range'
const ROOT = '07.4 where the caller is in no map'

export const wrong: Wrong[] = [
  {
    name: 'no user namespace',
    change: [['flags: CLONE_NEWUSER', 'flags: 0']],
    check: '07.1',
    says: /flags is 0/,
  },
  {
    name: 'a line with the outside first',
    change: [[RANGE, 'const { inside: outside, outside: inside, count } = range']],
    check: '07.2',
    says: /the first id inside, the first id outside/,
  },
  {
    name: 'a line with the last id in place of the count',
    change: [[RANGE, 'const { inside, outside } = range\n  const count = inside + range.count']],
    check: '07.2',
    says: /how many/,
  },
  {
    name: 'setgroups forgotten',
    change: [["  write('setgroups', setgroups)", "  void ['setgroups', setgroups]"]],
    check: OUTSIDE,
    says: /gid_map.*\n?.*must give up setgroups\(2\) first/s,
  },
  {
    name: 'setgroups after gid_map',
    change: [
      ["  write('setgroups', setgroups) // before", '  // before'],
      ["  write('uid_map', uids", "  write('setgroups', setgroups)\n  write('uid_map', uids"],
    ],
    check: OUTSIDE,
    says: /must give up setgroups\(2\) first/,
  },
  {
    name: 'setgroups denied to everybody',
    change: [["write('setgroups', setgroups)", "write('setgroups', 'deny')"]],
    check: LINES,
    says: /then setgroups, as the container reads them/,
  },
  {
    name: 'the groups mapped as the users are',
    change: [["write('gid_map', gids", "write('gid_map', uids"]],
    check: LINES,
    says: /uid_map, then gid_map/,
  },
  {
    name: 'no gid_map at all',
    change: [["  write('gid_map', gids.map(mapLine).join('\\n'))", '  void gids']],
    check: OUTSIDE,
    says: /in the container one is root/,
  },
  {
    name: 'a write for each line',
    change: [
      ["write('uid_map', uids.map(mapLine).join('\\n'))", "for (const one of uids) write('uid_map', mapLine(one))"],
    ],
    check: LINES,
    says: /in one write\(2\)/,
  },
  {
    name: 'lines joined by a space',
    change: [["uids.map(mapLine).join('\\n')", "uids.map(mapLine).join(' ')"]],
    check: LINES,
    says: /each on a line of its own/,
  },
  {
    name: 'the groups of the caller kept',
    change: [["    ['setgroups', 0, 0], // an empty", '    // an empty']],
    check: '07.4 with ids of /etc/subuid',
    says: /its groups are not those of the caller/,
  },
  {
    name: 'the group of the caller kept',
    change: [["    ['setresgid', 0, 0, 0],\n", '']],
    check: ROOT,
    says: /user, group, groups/,
  },
  {
    name: 'the user of the caller kept',
    change: [["    ['setresuid', 0, 0, 0],\n", '']],
    check: ROOT,
    says: /takes his capabilities/,
  },
]

export const right: Right[] = [
  {
    name: 'an array for a line, newlines at the end, users before groups',
    instead: {
      mapLine: `
export function mapLine(range: Range): string {
  return [range.inside, range.outside, range.count].join(' ') + '\\n'
}`,
      writeMaps: `
export function writeMaps(pid: number, ids: Ids): void {
  const files = {
    setgroups: ids.setgroups,
    uid_map: ids.uids.map(mapLine).join(''),
    gid_map: ids.gids.map(mapLine).join(''),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(['/proc', pid, name].join('/'), text)
}`,
      becomeRoot: `
export function becomeRoot(): Call[] {
  return [['setgroups', 0, ''], ['setgid', 0], ['setuid', 0]]
}`,
    },
  },
  {
    name: 'tabs, setgroups only where it is denied, the group before the groups',
    instead: {
      mapLine: `
export const mapLine = ({ inside, outside, count }: Range): string => \`\${inside}\\t\${outside}\\t\${count}\``,
      writeMaps: `
export function writeMaps(pid: number, { uids, gids, setgroups }: Ids): void {
  const folder = '/proc/' + pid
  writeFileSync(folder + '/uid_map', uids.map((one) => mapLine(one)).join('\\n') + '\\n')
  if (setgroups === 'deny') writeFileSync(folder + '/setgroups', 'deny')
  writeFileSync(folder + '/gid_map', gids.map((one) => mapLine(one)).join('\\n') + '\\n')
}`,
      becomeRoot: `
export function becomeRoot(): Call[] {
  const calls: Call[] = []
  calls.push(['setresgid', 0, 0, 0])
  calls.push(['setgroups', 0, 0])
  calls.push(['setresuid', 0, 0, 0])
  return calls
}`,
    },
  },
]
