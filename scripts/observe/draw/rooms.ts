/*
 * The rooms as HTML, for the page: a tree that the arrow keys walk through, and every word is text.
 */
import type { VNode } from 'preact'
import type { Kind } from '../model.ts'
import { h } from './element.ts'
import type { Chip, Mark, Occupant, Room } from './scene.ts'
import { count, MARKS, ownOf, SORTS, sayOccupant, sayRoom, sayStarts, whoCounts } from './words.ts'

export interface RoomsOptions {
  /** The item that the keyboard is at. */
  at: string
  /** The item whose details are open. */
  open?: string | undefined
  /** Show all processes of the host. */
  all: boolean
  /** The kind of namespace that the lesson is about. */
  kind?: Kind | undefined
}

export const roomItem = ({ id }: Room) => `room-${id.replaceAll(',', '-')}`
export const occupantItem = ({ process }: Occupant) => `process-${process.pid}-${process.since}`
/** The item that stands for the host's other processes. */
export const OTHERS = 'others'

/** All rooms, in that of the host. */
export function rooms(host: Room, options: RoomsOptions): VNode {
  return h('div', { class: 'rooms', role: 'tree', 'aria-label': 'Rooms: processes by their namespaces' }, [
    drawRoom(host, 1, options),
  ])
}

function drawRoom(room: Room, level: number, options: RoomsOptions): VNode {
  const item = roomItem(room)
  const { title, sort, mark, namespaces } = room
  const attributes = { ...itemAttributes(item, level, sayRoom(room), options), 'aria-expanded': 'true' }
  return h('div', { key: item, class: `room ${sort} ${mark}`, ...attributes }, [
    h('div', { class: 'title' }, [
      h('strong', null, title),
      SORTS[sort] === title || sort === 'host' ? null : h('span', { class: 'soft' }, SORTS[sort]),
      markOf(mark),
    ]),
    drawNamespaces(namespaces, sort === 'host', options.kind),
    h('div', { class: 'processes', role: 'group' }, drawOccupants(room, level + 1, options)),
    room.rooms.length === 0
      ? null
      : h(
          'div',
          { class: 'inner', role: 'group' },
          room.rooms.map((one) => drawRoom(one, level + 1, options)),
        ),
  ])
}

/** The host's eight, or those that are others than in the room around, and of the rest the names. */
function drawNamespaces(chips: Chip[], isHost: boolean, kind: Kind | undefined): VNode {
  const shown = isHost ? chips : ownOf(chips)
  const shared = isHost ? [] : chips.filter(({ own }) => !own).map((chip) => chip.kind)
  return h('div', { class: 'chips' }, [
    ...shown.map((chip) =>
      h(
        'span',
        { key: chip.kind, class: `chip ${chip.mark} ${chip.kind === kind ? 'lesson' : ''}`, 'data-kind': chip.kind },
        [`${chip.kind}:[${chip.inode}]`, chip.kind === kind ? ' ★' : ''],
      ),
    ),
    shared.length > 0 ? h('span', { class: 'soft shared' }, `as around: ${shared.join(' ')}`) : null,
  ])
}

function drawOccupants({ sort, occupants }: Room, level: number, options: RoomsOptions): VNode[] {
  if (sort !== 'host') return occupants.map((one) => drawOccupant(one, level, options))
  const [near, far] = splitHosts(occupants)
  const shown = options.all ? [...near, ...far] : near
  return [
    ...shown.map((one) => drawOccupant(one, level, options)),
    ...(far.length > 0 ? [drawOthers(far, level, options)] : []),
  ]
}

const NEAR = 8 // who started the latest rooms

/** Of the host's processes: the latest that started a room which is still there, and the others, of whom there are many. */
export function splitHosts(occupants: Occupant[]): [near: Occupant[], far: Occupant[]] {
  const starters = occupants.filter(({ starts, mark }) => starts.length > 0 && mark !== 'gone')
  const near = new Set(starters.slice(-NEAR))
  return [occupants.filter((one) => near.has(one)), occupants.filter((one) => !near.has(one))]
}

function drawOthers(far: Occupant[], level: number, options: RoomsOptions): VNode {
  const marked = (mark: Mark) => far.filter((one) => one.mark === mark).length
  const news = [`${marked('new')} new`, `${marked('gone')} gone`].filter((words) => !words.startsWith('0 '))
  const many =
    count(far.length - marked('gone'), 'other process', 'es') + (news.length > 0 ? ` (${news.join(', ')})` : '')
  const words = options.all ? `hide ${many}` : `… and ${many}`
  const attributes = { ...itemAttributes(OTHERS, level, words, options), 'aria-expanded': String(options.all) }
  return h('div', { key: OTHERS, class: 'process others', ...attributes }, words)
}

function drawOccupant(occupant: Occupant, level: number, options: RoomsOptions): VNode {
  const { process, numbers, starts, mark } = occupant
  const item = occupantItem(occupant)
  return h(
    'div',
    { key: item, class: `process ${mark}`, ...itemAttributes(item, level, sayOccupant(occupant), options) },
    [
      h('div', { class: 'name' }, [
        h('strong', null, process.name),
        process.ended ? h('span', { class: 'soft' }, 'zombie') : null,
        markOf(mark),
      ]),
      h(
        'div',
        { class: 'numbers' },
        numbers.map((one, i) =>
          h('span', { key: one.inode, class: i === 0 ? 'number first' : 'number' }, [
            h('b', null, one.number),
            h('span', { class: 'soft' }, ` ${whoCounts(one)}`),
          ]),
        ),
      ),
      starts.length > 0 ? h('div', { class: 'soft starts' }, sayStarts(starts)) : null,
    ],
  )
}

function itemAttributes(item: string, level: number, label: string, { at, open }: RoomsOptions) {
  return {
    id: item,
    role: 'treeitem',
    tabIndex: item === at ? 0 : -1,
    'aria-level': level,
    'aria-label': label,
    'aria-selected': String(item === open),
  }
}

function markOf(mark: Mark): VNode | null {
  return mark === 'same' ? null : h('span', { class: `mark ${mark}` }, MARKS[mark])
}
