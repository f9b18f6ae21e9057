/*
 * The rooms as one SVG: for a README, where no style sheet and no script of ours runs.
 */
import type { VNode } from 'preact'
import type { Model } from '../model.ts'
import { type Block, column, framed, row, text } from './blocks.ts'
import { colours, KIND_COLOURS } from './colours.ts'
import { CURVE_STYLE } from './curves.ts'
import { h } from './element.ts'
import { splitHosts } from './rooms.ts'
import { type Chip, type Mark, type Occupant, type Room, sceneOf } from './scene.ts'
import { MARKS, ownOf, sayRoom, sayStarts, whoCounts } from './words.ts'

export interface PictureOptions {
  /** For whoever cannot see it. Unless given: what is in the host's room, in words. */
  title?: string
  /** The width that it tries to stay within, in pixels. */
  width?: number
  /** Which namespaces to show of a room: its own, unless given. */
  chips?(room: Room): Chip[]
  /** Which processes of a room to show: all but those of the host that started no room. */
  occupants?(room: Room): Occupant[]
  /** What is in a namespace, to be drawn below its name. */
  contents?(chip: Chip): Block[]
}

export interface DrawingOptions {
  title: string
  /** More than the title, for whoever cannot see it. */
  description?: string
  /** What lies over the blocks, such as lines between them; asked for when they have their places. */
  over?(): VNode[]
}

/** Draws a picture of the machine; what is new or gone against `before` is marked. */
export function picture(model: Model, options: PictureOptions & { before?: Model } = {}): VNode {
  return pictureOf(sceneOf(model, options.before), options)
}

/** Draws a room with all rooms in it. */
export function pictureOf(room: Room, options: PictureOptions = {}): VNode {
  const { title = sayRoom(room), width = 800 } = options
  return drawingOf(drawRoom(room, width - 2 * EDGE, options), { title })
}

/** An SVG that needs nothing else, of any blocks. */
export function drawingOf(block: Block, { title, description, over = () => [] }: DrawingOptions): VNode {
  const [width, height] = [block.width + 2 * EDGE, block.height + 2 * EDGE]
  return h(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'drawing',
      role: 'img',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
    },
    [
      h('title', null, title),
      description ? h('desc', null, description) : null,
      h('style', null, STYLE),
      block.at(EDGE, EDGE),
      ...over(),
    ],
  )
}

const EDGE = 2 // for the thickest line
const GAP = 10

/** A room with all rooms in it, as a block of a larger drawing. */
export function drawRoom(room: Room, most: number, options: PictureOptions = {}): Block {
  const inner = most - 2 * GAP
  const { chips = ({ namespaces }) => ownOf(namespaces), occupants = shownOf } = options
  const parts = [
    row([text(room.title, 16, 'strong'), ...markOf(room.mark)], GAP),
    row(
      chips(room).map((chip) => drawChip(chip, options.contents?.(chip) ?? [])),
      6,
      inner,
    ),
    row(occupants(room).map(drawOccupant), GAP, inner),
    row(
      room.rooms.map((one) => drawRoom(one, inner, options)),
      GAP,
      inner,
    ),
  ]
  return framed(column(parts.filter(isThere), GAP), GAP, `room ${room.mark}`)
}

const isThere = ({ width }: Block) => width > 0

/** Of the host only those that matter for a room. */
export function shownOf({ sort, occupants }: Room): Occupant[] {
  return sort === 'host' ? splitHosts(occupants)[0] : occupants
}

function drawChip({ kind, inode, mark }: Chip, contents: Block[]): Block {
  const name = text(`${kind}:[${inode}]`, 12)
  return framed(column([name, ...contents], 6), contents.length > 0 ? 8 : 4, `chip ${mark}`, KIND_COLOURS[kind])
}

function drawOccupant({ process, numbers, starts, mark }: Occupant): Block {
  const lines = [
    row([text(process.name, 14, 'strong'), ...markOf(mark)], 8),
    ...numbers.map((one, i) =>
      row([text(String(one.number), 14, i === 0 ? 'number' : 'ink'), text(whoCounts(one), 12, 'soft')], 6),
    ),
    ...(starts.length > 0 ? [text(sayStarts(starts), 12, 'soft')] : []),
  ]
  return framed(column(lines, 3), 8, `process ${mark}`)
}

function markOf(mark: Mark): Block[] {
  return mark === 'same' ? [] : [text(MARKS[mark], 12, mark)]
}

const STYLE = `${colours('.drawing')}
text{font-family:ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace;white-space:pre}
.ink{fill:var(--ink)}.soft{fill:var(--soft)}.strong,.number{fill:var(--ink);font-weight:bold}
text.new{fill:var(--new)}text.gone{fill:var(--gone)}
rect.room{fill:var(--room);stroke:var(--line);stroke-width:1.5}
rect.chip{fill:var(--paper);stroke:var(--line)}
rect.process{fill:var(--paper);stroke:var(--ink)}
rect.new{stroke:var(--new);stroke-width:2.5}
rect.gone{stroke:var(--gone);stroke-dasharray:5 4}
${CURVE_STYLE}`
