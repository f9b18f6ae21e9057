/*
 * A small layout for SVG, which has none: blocks know how large they are, and draw themselves where they are told.
 * Letters are monospaced, so that the width of a word is known without a browser.
 */
import type { VNode } from 'preact'
import { h } from './element.ts'

export interface Block {
  width: number
  height: number
  at(x: number, y: number): VNode
}

const LETTER = 0.602 // the width of a monospaced letter, in its size

/** A line of text. `kind` is a class of the style sheet. */
export function text(words: string, size: number, kind = 'ink'): Block {
  const height = Math.ceil(size * 1.3)
  return {
    width: Math.ceil(words.length * size * LETTER),
    height,
    at: (x, y) => h('text', { class: kind, x, y: y + size, 'font-size': size }, words),
  }
}

/** Blocks below each other. */
export function column(blocks: Block[], gap: number): Block {
  const width = Math.max(0, ...blocks.map((block) => block.width))
  const height = sum(blocks.map((block) => block.height)) + gap * Math.max(0, blocks.length - 1)
  return {
    width,
    height,
    at(x, y) {
      let top = y
      const drawn = blocks.map((block) => {
        const node = block.at(x, top)
        top += block.height + gap
        return node
      })
      return h('g', null, drawn)
    },
  }
}

/** Blocks beside each other, in as many lines as it takes to stay within `most`. */
export function row(blocks: Block[], gap: number, most = Number.POSITIVE_INFINITY): Block {
  const lines: Block[][] = []
  let used = 0
  for (const block of blocks) {
    if (lines.length === 0 || used + gap + block.width > most) {
      lines.push([])
      used = -gap
    }
    lines.at(-1)?.push(block)
    used += gap + block.width
  }
  return column(
    lines.map((line) => lineOf(line, gap)),
    gap,
  )
}

function lineOf(blocks: Block[], gap: number): Block {
  return {
    width: sum(blocks.map((block) => block.width)) + gap * Math.max(0, blocks.length - 1),
    height: Math.max(0, ...blocks.map((block) => block.height)),
    at(x, y) {
      let left = x
      const drawn = blocks.map((block) => {
        const node = block.at(left, y)
        left += block.width + gap
        return node
      })
      return h('g', null, drawn)
    },
  }
}

/** A block in a frame. `kind` are classes of the style sheet; a `stripe` is a colour at its left. */
export function framed(block: Block, padding: number, kind: string, stripe?: string): Block {
  const left = padding + (stripe ? 4 : 0)
  const width = block.width + left + padding
  const height = block.height + 2 * padding
  return {
    width,
    height,
    at: (x, y) =>
      h('g', null, [
        h('rect', { class: kind, x, y, width, height, rx: 4 }),
        stripe ? h('rect', { x, y, width: 5, height, rx: 2, style: `fill:${stripe}` }) : null,
        block.at(x + left, y + padding),
      ]),
  }
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
