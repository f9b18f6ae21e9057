import { CAPABILITIES, maskOf } from '#given/capabilities/names.ts'
import { DEFAULT_CAPABILITIES } from '#given/capabilities/privileges.ts'
import { type Block, column, framed, row, text } from '../observe/draw/blocks.ts'
import { h } from '../observe/draw/element.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import type { Picture } from './describe.ts'
import { space } from './sketch.ts'

const title = 'Root drops capabilities, and what execve(2) gives back'

const [NONE, ALL, FOURTEEN] = [0n, maskOf(CAPABILITIES), maskOf(DEFAULT_CAPABILITIES)]

export const picture: Picture = {
  title,
  description: `Root's bounding, permitted and effective sets, before and after execve(2), with a box for each of the 41
capabilities. First: who drops all from permitted and effective, and leaves the bounding set as it is, has all 41 again
after execve. Then: who drops all but fourteen from the bounding set too, has these fourteen after execve, and no others.`,
  draw() {
    const tries = [
      drawTry('capset(2) alone', [ALL, NONE, NONE], [ALL, ALL, ALL]),
      drawTry('the bounding set first, then capset(2)', [FOURTEEN, FOURTEEN, FOURTEEN], [FOURTEEN, FOURTEEN, FOURTEEN]),
    ]
    return drawingOf(column(tries, 10), { title, description: picture.description })
  },
}

type Sets = [bounding: bigint, permitted: bigint, effective: bigint]

function drawTry(name: string, before: Sets, after: Sets): Block {
  const lines = ['bounding', 'permitted', 'effective'].map((set, i) =>
    row([text(set.padEnd(9), 13), drawSet(before[i] ?? 0n), space(4), drawSet(after[i] ?? 0n)], 12),
  )
  const heads = row(
    [text(' '.repeat(9), 12), text('root, before execve(2)'.padEnd(44), 12, 'soft'), text('after it', 12, 'soft')],
    12,
  )
  return framed(column([text(name, 14, 'strong'), heads, ...lines], 6), 10, 'room same')
}

const [CELL, STEP, TALL] = [5, 7, 13]

/** A box for each capability, the lowest bit at the left; full where the set has it. And how many it has. */
function drawSet(mask: bigint): Block {
  const has = CAPABILITIES.map((_, bit) => (mask & (1n << BigInt(bit))) !== 0n)
  const width = STEP * has.length
  const cell = (full: boolean, x: number, y: number) =>
    h('rect', { x, y, width: CELL, height: TALL, style: full ? FULL : EMPTY })
  const boxes = {
    width,
    height: TALL,
    at: (x: number, y: number) =>
      h(
        'g',
        null,
        has.map((full, i) => cell(full, x + i * STEP, y + 2)),
      ),
  }
  return row([boxes, text(String(has.filter(Boolean).length).padStart(2), 13, 'ink')], 4)
}

const FULL = 'fill:var(--accent);stroke:var(--accent)'
const EMPTY = 'fill:none;stroke:var(--line)'
