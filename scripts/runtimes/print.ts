import { CAPABILITIES, maskOf } from '#given/capabilities/names.ts'
import { NAMESPACES } from '#given/proc.ts'
import { chalk, heading, say, table } from '#given/show.ts'
import { wrap } from '../lib/wrap.ts'
import type { Measured } from './measure.ts'
import type { Answer } from './measure-all.ts'

const WIDTH = 80

type Row = Measured & { name: string; version?: string }

/** All of it as tables, one for each question. */
export function print(host: Measured, answers: Answer[], machine: string[]): void {
  for (const line of machine) say(line)
  const measured = answers.flatMap((one) => ('measured' in one ? [{ ...one, ...one.measured }] : []))
  const rows = [{ name: 'host', ...host }, ...measured]
  namespaceTable(rows)
  cgroupTable(rows)
  privilegeTable(rows)
  parentTable(answers)
  for (const one of answers) if ('missing' in one) say(`${one.name}: ${one.missing}`)
  for (const one of answers)
    if ('refused' in one) for (const line of wrapped(`${one.name} refuses: ${one.refused}`)) say(line)
}

function namespaceTable(rows: Row[]): void {
  heading('Which namespaces are its own')
  const cell = (own: boolean) => (own ? chalk.green('own') : '-')
  table(
    ['', 'version', ...NAMESPACES],
    rows
      .slice(1)
      .map(({ name, version = '', own }) => [name, version, ...NAMESPACES.map((kind) => cell(own.includes(kind)))]),
  )
}

function cgroupTable(rows: Row[]): void {
  heading("Where in the trees of cgroups; what is not named is in the host's group")
  const [host, ...others] = rows
  const lines = others.flatMap(({ name, cgroups }) => {
    const places = Map.groupBy(
      cgroups.filter(({ tree, path }) => path !== host?.cgroups.find((one) => one.tree === tree)?.path),
      ({ path }) => path,
    )
    const found = [...places].map(([path, trees]) => [
      shortened(path),
      treeNames(
        trees.map(({ tree }) => tree),
        cgroups.length,
      ),
    ])
    return (found.length > 0 ? found : [['-', 'none']]).map((cells, i) => [i === 0 ? name : '', ...cells])
  })
  table(['', 'path', 'trees'], lines)
}

const treeNames = (trees: string[], of: number) =>
  trees.length === of
    ? 'all'
    : trees.length > 2
      ? `${trees.length} of ${of}`
      : trees.map((name) => name || 'v2').join(' ')

/** Names of 64 digits are cut to twelve, as Docker does. */
const shortened = (path: string) => path.replace(/[0-9a-f]{64}/g, (id) => `${id.slice(0, 12)}…`)

function privilegeTable(rows: Row[]): void {
  heading('What its root may do')
  table(
    ['', 'CapEff', 'caps', 'CapBnd', 'NoNewPrivs', 'seccomp', 'uid 0 is'],
    rows.map(({ name, capEff, capBnd, noNewPrivs, seccomp, uidMap }) => [
      name,
      capEff,
      String(namesIn(capEff).length),
      capBnd === capEff ? 'same' : 'other',
      noNewPrivs ? 'yes' : 'no',
      seccomp === 2 ? 'filter' : seccomp === 1 ? 'strict' : 'none',
      String(uidMap.find(([inside]) => inside === 0)?.[1] ?? 'nobody'),
    ]),
  )
  const [host, ...others] = rows
  for (const [capEff, alike] of Map.groupBy(others, (row) => row.capEff)) {
    const names = namesIn(capEff)
    const without = namesIn(host?.capEff ?? '0').filter((name) => !names.includes(name))
    const list = names.length <= without.length ? names.join(' ') : `all but ${without.join(' ') || 'none'}`
    for (const line of wrapped(`${alike.map(({ name }) => name).join(', ')}: ${list}`)) say(line)
  }
}

export function namesIn(mask: string): string[] {
  const set = BigInt(`0x${mask}`)
  return CAPABILITIES.filter((name) => (set & maskOf([name])) !== 0n)
}

function parentTable(answers: Answer[]): void {
  heading('Who stays beside it, and how much memory that takes, in kB')
  const lines = answers.flatMap((one) => {
    if (!('measured' in one)) return []
    const [parent, next] = one.measured.parents
    if (!parent || parent.pid === 1) return [[one.name, 'nobody', '1, which adopted it', '', '']]
    const whose = next?.pid === 1 ? '1' : next?.pid === process.pid ? 'who typed it' : (next?.name ?? '')
    const rows = [[one.name, parent.name, whose, String(parent.rss), String(parent.pss)]]
    return [
      ...rows,
      ...one.daemons.map(({ name, rss, pss }) => ['', name, 'a daemon, for all', String(rss), String(pss)]),
    ]
  })
  table(['', 'parent', "the parent's parent", 'RSS', 'PSS'], lines)
}

function wrapped(text: string): string[] {
  return wrap(text, WIDTH)
}
