/*
 * A curve of the last minute: d3-shape makes the path, and the newest point is at the right.
 */
import { area, curveMonotoneX, line } from 'd3-shape'
import type { VNode } from 'preact'
import { POINTS } from '../model.ts'
import { h } from './element.ts'

export interface CurveOptions {
  values: readonly (number | null)[]
  /** What the top of the drawing stands for, unless the curve is higher. */
  top: number
  /** A line across: a limit. */
  limit?: number | undefined
  kind: 'cpu' | 'memory'
}

export const WIDTH = 120
export const HEIGHT = 28

/** Its rules, for the style sheet around. */
export const CURVE_STYLE = `.curve .upper{fill:none;stroke-width:1.5;stroke:var(--accent)}
.curve .below{fill:var(--accent);opacity:.3}
.curve .limit{stroke:var(--gone);stroke-width:1.5;stroke-dasharray:4 3}`

type Point = [x: number, y: number | null]

/** Draws it. Whoever cannot see it has the number beside it. */
export function curve({ values, top, limit, kind }: CurveOptions): VNode {
  const most = Math.max(top, limit ?? 0, ...values.map((value) => value ?? 0)) || 1
  const y = (value: number) => HEIGHT - 2 - (value / most) * (HEIGHT - 4)
  const start = POINTS - values.length
  const points = values.map((value, i): Point => [((start + i) / (POINTS - 1)) * WIDTH, value])
  const isThere = ([, value]: Point) => value !== null
  const upper = line<Point>(
    ([x]) => x,
    (point) => y(point[1] ?? 0),
  )
    .defined(isThere)
    .curve(curveMonotoneX)
  const below = area<Point>(
    ([x]) => x,
    HEIGHT,
    (point) => y(point[1] ?? 0),
  )
    .defined(isThere)
    .curve(curveMonotoneX)
  return h('svg', { class: `curve ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' }, [
    h('path', { class: 'below', d: below.digits(1)(points) ?? '' }),
    h('path', { class: 'upper', d: upper.digits(1)(points) ?? '' }),
    limit === undefined ? null : h('line', { class: 'limit', x1: 0, x2: WIDTH, y1: y(limit), y2: y(limit) }),
  ])
}
