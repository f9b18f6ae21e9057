/*
 * What the live page has no need of: tables in a box, and lines from one box to another.
 */
import type { VNode } from 'preact'
import { type Block, column, framed, row, text } from '../observe/draw/blocks.ts'
import { h } from '../observe/draw/element.ts'

/** What has which value, line by line: `{ nodename: 'web' }`. */
export function table(facts: Record<string, string>): Block {
  const names = Object.keys(facts)
  const width = Math.max(...names.map((name) => name.length))
  const line = (name: string) => row([text(name.padEnd(width), 13), text(facts[name] ?? '', 13, 'soft')], 14)
  return column(names.map(line), 3)
}

/** Lines of text. */
export function lines(...words: string[]): Block {
  return column(
    words.map((line) => text(line, 13)),
    3,
  )
}

/** A box with a title, for things that are no process and no namespace. */
export function box(title: string, ...inside: Block[]): Block {
  return framed(column([text(title, 13, 'strong'), ...inside], 5), 8, 'process')
}

/** An empty block that keeps a distance. */
export function space(width: number, height = 0): Block {
  return { width, height, at: () => h('g', null) }
}

interface Place {
  x: number
  y: number
  width: number
  height: number
}

/** Remembers where blocks were drawn, and draws lines between them. */
export class Places {
  readonly #places = new Map<string, Place>()

  /** The same block, with a name. */
  named(name: string, { width, height, at }: Block): Block {
    const place = (x: number, y: number) => {
      this.#places.set(name, { x, y, width, height })
      return at(x, y)
    }
    return { width, height, at: place }
  }

  /** A line from the bottom of one straight down to the top of another. */
  down(upper: string, lower: string): VNode {
    const [a, b] = [this.#of(upper), this.#of(lower)]
    const x = middle(Math.max(a.x, b.x), Math.min(a.x + a.width, b.x + b.width))
    return line([x, a.y + a.height], [x, b.y])
  }

  /** A line from the right side of one straight to the left side of another. */
  right(left: string, right: string): VNode {
    const [a, b] = [this.#of(left), this.#of(right)]
    const y = middle(Math.max(a.y, b.y), Math.min(a.y + a.height, b.y + b.height))
    return line([a.x + a.width, y], [b.x, y])
  }

  #of(name: string): Place {
    const place = this.#places.get(name)
    if (!place) throw new RangeError(`nothing named ${name} has been drawn`)
    return place
  }
}

const WIRE = 'fill:none;stroke:var(--accent);stroke-width:2'
const PLUG = 'fill:var(--accent)'

type Point = [x: number, y: number]

function line([x1, y1]: Point, [x2, y2]: Point): VNode {
  const plug = ([cx, cy]: Point) => h('circle', { style: PLUG, cx, cy, r: 4 })
  return h('g', null, [h('path', { style: WIRE, d: `M${x1} ${y1}L${x2} ${y2}` }), plug([x1, y1]), plug([x2, y2])])
}

const middle = (a: number, b: number) => Math.round((a + b) / 2)
