/*
 * Before and after, in numbers: what is new and what is gone since the picture that was remembered.
 */
import type { VNode } from 'preact'
import type { Kind, Model } from '../model.ts'
import { KINDS } from '../model.ts'
import { h } from './element.ts'

export interface Tally {
  what: string
  plural: string
  new: number
  gone: number
  /** The names of what is new, where they say something. */
  names?: string[]
}

/** Compares two pictures. */
export function tallyOf(model: Model, before: Model): Tally[] {
  const namespaces = KINDS.map((kind) => ofKind(kind, model, before)).filter((one) => one.new + one.gone > 0)
  return [
    compare('process', 'es', keysOf(model), keysOf(before)),
    ...namespaces,
    compare('cgroup', 's', Object.keys(model.cgroups), Object.keys(before.cgroups)),
    compare('mount of the host', 's', mountsOf(model), mountsOf(before) ?? mountsOf(model), 'mounts of the host'),
    compare('link of the host', 's', linksOf(model), linksOf(before) ?? linksOf(model), 'links of the host'),
  ].filter((one) => one.new + one.gone > 0)
}

/** As a list. */
export function tally(model: Model, before: Model, clock: string): VNode {
  const lines = tallyOf(model, before)
  return h('section', { class: 'tally', 'aria-labelledby': 'since' }, [
    h('h2', { id: 'since' }, `Since ${clock}`),
    h(
      'div',
      { 'aria-live': 'polite' },
      lines.length === 0
        ? h('p', { class: 'soft' }, 'Nothing is new, and nothing gone.')
        : h(
            'ul',
            null,
            lines.map((line) => h('li', { key: line.what }, [...words('new', line), ...words('gone', line)])),
          ),
    ),
  ])
}

function words(mark: 'new' | 'gone', line: Tally): (VNode | string)[] {
  const n = line[mark]
  if (n === 0) return []
  const noun = n === 1 ? line.what : line.plural
  return [h('span', { class: `mark ${mark}` }, `${mark === 'new' ? '+' : '−'} ${n} ${mark}`), ` ${noun} `]
}

function compare(what: string, ending: string, now: string[] = [], then: string[] = [], plural = what + ending): Tally {
  const [young, old] = [new Set(now), new Set(then)]
  return {
    what,
    plural,
    new: now.filter((key) => !old.has(key)).length,
    gone: then.filter((key) => !young.has(key)).length,
  }
}

function ofKind(kind: Kind, model: Model, before: Model): Tally {
  const inodes = ({ namespaces }: Model) => Object.keys(namespaces).filter((inode) => namespaces[inode]?.kind === kind)
  return compare(`${kind} namespace`, 's', inodes(model), inodes(before))
}

const keysOf = ({ processes }: Model) => Object.values(processes).map(({ pid, since }) => `${pid} ${since}`)

const hosts = ({ host, namespaces }: Model, kind: Kind) => namespaces[host.namespaces[KINDS.indexOf(kind)] ?? 0]

const mountsOf = (model: Model) => hosts(model, 'mnt')?.mounts?.map(({ target, type }) => `${type} ${target}`)

const linksOf = (model: Model) => hosts(model, 'net')?.links?.map(({ name, index }) => `${index} ${name}`)
