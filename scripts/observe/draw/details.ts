/*
 * All that is known of one room or one process.
 */
import type { ComponentChildren, VNode } from 'preact'
import { CAPABILITIES } from '#given/capabilities/names.ts'
import { inodeOf, KINDS, type Link, type Model, type Mount, nameOf, type Process } from '../model.ts'
import { h } from './element.ts'
import { occupantItem, roomItem } from './rooms.ts'
import { allRooms, type Mark, type Occupant, type Room } from './scene.ts'
import { MARKS, SORTS, whoCounts } from './words.ts'

/** The room or process that an item stands for, and the room that it is in. */
export function findItem(top: Room, item: string): { room: Room; occupant?: Occupant } | undefined {
  for (const room of allRooms(top)) {
    if (roomItem(room) === item) return { room }
    const occupant = room.occupants.find((one) => occupantItem(one) === item)
    if (occupant) return { room, occupant }
  }
  return undefined
}

/** The details of an item; undefined where it is gone. */
export function details(top: Room, item: string, model: Model, before: Model): VNode | undefined {
  const found = findItem(top, item)
  if (!found) return undefined
  const { room, occupant } = found
  const title = occupant ? occupant.process.name : room.title
  return h('section', { class: 'details', role: 'region', 'aria-labelledby': 'details', tabIndex: 0, id: 'panel' }, [
    h('h2', { id: 'details' }, [title, ' ', h('span', { class: 'soft' }, 'Esc closes')]),
    ...(occupant ? ofProcess(occupant, room, model) : ofRoom(room, model, before)),
  ])
}

function ofRoom(room: Room, model: Model, before: Model): VNode[] {
  const { sort, container, namespaces, occupants } = room
  const inode = (kind: (typeof KINDS)[number]) => namespaces[KINDS.indexOf(kind)]?.inode ?? 0
  const [uts, mnt, net] = [
    model.namespaces[inode('uts')],
    model.namespaces[inode('mnt')],
    model.namespaces[inode('net')],
  ]
  const first = occupants[0]?.process
  return [
    facts([
      ['what', SORTS[sort]],
      ['host name', uts?.hostname],
      ['container', container && `${container.name} (${container.id})`],
      ['its root', container?.rootfs],
      ['mechanisms', container?.mechanisms.join(' ')],
      ['cgroup', first?.cgroup],
    ]),
    namespaceTable(room, model),
    ...(first ? [capabilities(first)] : []),
    linkTable(net?.links, before.namespaces[inode('net')]?.links),
    mountTable(mnt?.mounts, before.namespaces[inode('mnt')]?.mounts),
  ].filter((part) => part !== undefined)
}

function ofProcess({ process, numbers }: Occupant, room: Room, model: Model): VNode[] {
  return [
    table(
      'Its number in each pid namespace',
      ['number', 'who counts so', 'pid namespace'],
      numbers.map((one) => ({
        key: one.inode,
        cells: [h('b', null, one.number), whoCounts(one), one.inode ? nameOf({ kind: 'pid', inode: one.inode }) : '?'],
      })),
    ),
    facts([
      ['command', process.command],
      ['state', process.ended ? 'ended, and nobody has waited for it' : undefined],
      ['started by', String(process.parent)],
      ['user', `${process.uid} on the host`],
      ['cgroup', process.cgroup],
    ]),
    namespaceTable(room, model),
    capabilities(process),
  ]
}

function facts(pairs: [string, string | undefined][]): VNode {
  const known = pairs.filter(([, value]) => value)
  return h(
    'dl',
    null,
    known.flatMap(([name, value]) => [h('dt', { key: name }, name), h('dd', { key: `${name} is` }, value)]),
  )
}

function namespaceTable({ namespaces, sort }: Room, model: Model): VNode {
  const lines = namespaces.map(({ kind, inode, own, mark }) => {
    const { owner, parent } = model.namespaces[inode] ?? {}
    const host = inodeOf(model.host.namespaces, kind) === inode
    const whose = sort === 'host' ? '' : own ? 'its own' : host ? "the host's" : 'as around'
    const belongs = owner ? `of user:[${owner}]` : parent ? `in ${kind}:[${parent}]` : ''
    return { key: kind, mark, cells: [`${kind}:[${inode}]`, whose, belongs] }
  })
  return table('Its eight namespaces', ['namespace', 'whose', 'owner'], lines)
}

function capabilities({ effective, bounding }: Process): VNode {
  const held = namesIn(effective)
  const most = namesIn(bounding)
  return h('section', { class: 'part' }, [
    h('h3', null, `Capabilities: ${held.length} of ${CAPABILITIES.length}`),
    h('p', null, [h('code', null, `CapEff ${effective}`), ' ', h('code', null, `CapBnd ${bounding}`)]),
    h('p', { class: 'capabilities' }, held.length > 0 ? held.join(' ') : 'none'),
    most.length > held.length
      ? h('p', { class: 'soft' }, `It could still get: ${most.filter((name) => !held.includes(name)).join(' ')}`)
      : null,
  ])
}

/** The capabilities of a set as the kernel writes it. */
export function namesIn(hexadecimal: string): string[] {
  const mask = BigInt(`0x${hexadecimal || '0'}`)
  return CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n)
}

function linkTable(links: readonly Link[] | undefined, before: readonly Link[] | undefined): VNode | undefined {
  if (!links) return undefined
  const lines = marked(links, before, ({ index, name }) => `${index} ${name}`).map(({ entry, mark, key }) => {
    const { name, index, type, up, addresses, bridge, peer } = entry
    const to = bridge ? `in ${bridge}` : peer ? `to number ${peer}` : ''
    return { key, mark, cells: [`${index} ${name}`, `${type} ${up ? 'up' : 'down'} ${to}`, addresses.join(' ')] }
  })
  return table(`Links: ${links.length}`, ['link', 'kind', 'addresses'], lines)
}

function mountTable(mounts: readonly Mount[] | undefined, before: readonly Mount[] | undefined): VNode | undefined {
  if (!mounts) return undefined
  const lines = marked(mounts, before, ({ target, type, source }) => `${target} ${type} ${source}`).map(
    ({ entry: { target, type, source, options }, mark, key }) => ({
      key,
      mark,
      cells: [target, type, source, options],
    }),
  )
  return table(`Mounts: ${mounts.length}`, ['at', 'type', 'what', 'options'], lines)
}

interface Marked<E> {
  key: string
  entry: E
  mark: Mark
}

/** Entries with what is new and what is gone. Two that are alike, such as two mounts at one place, are counted. */
function marked<E>(now: readonly E[], then: readonly E[] | undefined, nameOfEntry: (entry: E) => string): Marked<E>[] {
  const keyed = (entries: readonly E[]) => {
    const seen = new Map<string, number>()
    return entries.map((entry) => {
      const name = nameOfEntry(entry)
      const n = (seen.get(name) ?? 0) + 1
      seen.set(name, n)
      return { key: `${name} ${n}`, entry }
    })
  }
  const [young, old] = [keyed(now), keyed(then ?? now)]
  const [has, had] = [new Set(young.map(({ key }) => key)), new Set(old.map(({ key }) => key))]
  return [
    ...young.map((one) => ({ ...one, mark: had.has(one.key) ? ('same' as const) : ('new' as const) })),
    ...old.filter(({ key }) => !has.has(key)).map((one) => ({ ...one, mark: 'gone' as const })),
  ]
}

interface TableLine {
  key: string | number
  mark?: Mark
  cells: ComponentChildren[]
}

function table(caption: string, heads: string[], lines: TableLine[]): VNode {
  return h('table', { class: 'part' }, [
    h('caption', null, caption),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        heads.map((words) => h('th', { key: words, scope: 'col' }, words)),
      ),
    ),
    h(
      'tbody',
      null,
      lines.map(({ key, mark = 'same', cells }) =>
        h('tr', { key, class: mark }, [
          ...cells.map((cell, i) =>
            h('td', { key: heads[i] }, [
              cell,
              i === 0 && mark !== 'same' ? h('span', { class: `mark ${mark}` }, MARKS[mark]) : null,
            ]),
          ),
        ]),
      ),
    ),
  ])
}
