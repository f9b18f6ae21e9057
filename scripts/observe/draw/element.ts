import { type ComponentChildren, createElement, type VNode } from 'preact'

/** An element of HTML or SVG. preact's own function gives each call a type of its own, and no two go in one list. */
export function h(name: string, attributes: Record<string, unknown> | null, ...children: ComponentChildren[]): VNode {
  return createElement(name, attributes, ...children) as VNode
}
