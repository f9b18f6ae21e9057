/*
 * The tree of cgroups, with what each takes as curves of the last minute.
 */
import type { VNode } from 'preact'
import type { Cgroup, Model } from '../model.ts'
import { curve } from './curves.ts'
import { h } from './element.ts'
import type { Mark } from './scene.ts'
import { count, MARKS, size } from './words.ts'

interface Line {
  group: Cgroup
  depth: number
  title: string
  mark: Mark
}

/** All groups that a container is in or around; with `all` those of the host too. */
export function groups(model: Model, before: Model, all: boolean): VNode {
  const lines = linesOf(model, before, all)
  return h('table', { class: 'groups' }, [
    h('caption', null, `Control groups, version ${model.host.version}`),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        HEADS.map((words) => h('th', { key: words, scope: 'col' }, words)),
      ),
    ),
    h(
      'tbody',
      null,
      lines.map((line) => drawLine(line, model)),
    ),
  ])
}

const HEADS = ['group', 'CPU', 'memory', 'tasks']

function drawLine({ group, depth, title, mark }: Line, model: Model): VNode {
  const { cpu = [], memory = [], tasks = null } = mark === 'gone' ? {} : (model.usage[group.path] ?? {})
  const { limits } = group
  const [used, taken] = [cpu.at(-1) ?? null, memory.at(-1) ?? null]
  const most = limits.memory === undefined ? undefined : limits.memory / 1024
  return h('tr', { key: group.path, class: mark }, [
    h('th', { scope: 'row', title: group.path }, [
      h('span', { class: 'group', style: { paddingLeft: `${depth * 0.8}em` } }, title),
      mark === 'same' ? null : h('span', { class: `mark ${mark}` }, MARKS[mark]),
      ...notes(group).map((note) => h('span', { key: note, class: 'note' }, note)),
    ]),
    h('td', null, [
      curve({ values: cpu, top: 100, limit: percentOf(limits.cpus), kind: 'cpu' }),
      h('span', { class: 'now' }, used === null ? '–' : `${used.toFixed(1)} %`),
    ]),
    h('td', null, [
      curve({ values: memory, top: 0, limit: most, kind: 'memory' }),
      h('span', { class: 'now' }, `${taken === null ? '–' : size(taken)}${most ? ` of ${size(most)}` : ''}`),
    ]),
    h('td', { class: 'tasks' }, `${tasks ?? '–'}${limits.pids === undefined ? '' : ` of ${limits.pids}`}`),
  ])
}

const percentOf = (cpus: number | undefined) => (cpus === undefined ? undefined : cpus * 100)

/** What its limits have done to it. */
function notes({ events, frozen }: Cgroup): string[] {
  const { oomKills = 0, forksRefused = 0, throttled = 0 } = events
  return [
    frozen ? 'frozen' : '',
    oomKills > 0 ? count(oomKills, 'OOM kill') : '',
    forksRefused > 0 ? `${count(forksRefused, 'fork')} refused` : '',
    throttled > 0 ? `waited ${count(throttled, 'time')} for CPU` : '',
  ].filter(Boolean)
}

function linesOf(model: Model, before: Model, all: boolean): Line[] {
  const table = { ...before.cgroups, ...model.cgroups }
  const children = childrenOf(table)
  const title = (group: Cgroup) => titleOf(group, model, before)
  const root = table['/']
  if (!root) return []
  const visit = (group: Cgroup, depth: number): Line[] => {
    const below = (children.get(group.path) ?? []).sort((a, b) => byName.compare(title(a), title(b)))
    const inner = below.flatMap((child) => visit(child, depth + 1))
    if (!all && depth > 0 && inner.length === 0 && !isOurs(group)) return []
    const mark = markOf(group.path, model, before)
    return [{ group, depth, title: title(group), mark }, ...inner]
  }
  return visit(root, 0)
}

function childrenOf(table: Record<string, Cgroup>): Map<string, Cgroup[]> {
  const children = new Map<string, Cgroup[]>()
  for (const group of Object.values(table)) {
    if (group.parent === undefined) continue
    children.set(group.parent, [...(children.get(group.parent) ?? []), group])
  }
  return children
}

const byName = new Intl.Collator('en', { numeric: true })

const isOurs = ({ path }: Cgroup) => path.includes('/workshop-')

function markOf(path: string, model: Model, before: Model): Mark {
  if (!(path in model.cgroups)) return 'gone'
  return path in before.cgroups ? 'same' : 'new'
}

/** A container's group has its id in its name: say whose it is. */
function titleOf({ path }: Cgroup, model: Model, before: Model): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (!name) return 'all of it'
  const id = name.replace(/^workshop-/, '')
  return (model.containers[id] ?? before.containers[id])?.name ?? name
}
