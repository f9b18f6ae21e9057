/*
 * The whole page, from what it shows and where the reader is.
 */
import type { VNode } from 'preact'
import type { Model } from '../model.ts'
import { details } from './details.ts'
import { h } from './element.ts'
import { groups } from './groups.ts'
import { type RoomsOptions, rooms } from './rooms.ts'
import { type Room, sceneOf } from './scene.ts'
import { tally } from './tally.ts'

export interface State {
  now: Model
  /** The picture that was remembered. */
  before: Model
  /** Does it come from the running machine, or is the connection lost, or is this an export? */
  source: 'live' | 'lost' | 'export'
  /** The item that the keyboard is at, and the one whose details are open. */
  at: string
  open?: string | undefined
  all: boolean
  help: boolean
}

/** What the buttons and keys do. */
export interface Actions {
  remember(): void
  save(): void
  theme(): void
  help(): void
}

/** Draws it. */
export function page(state: State, actions: Actions): VNode {
  const { now, before, source, open, help } = state
  const scene = sceneFor(now, before)
  const panel = open === undefined ? undefined : details(scene, open, now, before)
  return h('div', { class: `page ${panel ? 'with-details' : ''}` }, [
    h('header', null, [
      h('h1', null, [`Host ${now.host.name}`, h('span', { class: 'soft' }, ` Linux ${now.host.kernel}`)]),
      lessonOf(now),
      h('p', { class: `status ${source}`, role: 'status' }, statusOf(state)),
      h('nav', { 'aria-label': 'What one can do' }, buttons(state, actions)),
    ]),
    h('main', null, [
      h('section', { class: 'left', 'aria-label': 'Rooms' }, roomsFor(scene, state)),
      h('div', { class: 'right' }, [
        panel,
        tally(now, before, clock(before.at)),
        h('section', { class: 'groups', role: 'region', 'aria-label': 'Control groups', tabIndex: 0 }, [
          groups(now, before, state.all),
        ]),
      ]),
    ]),
    help ? helpOf(source) : null,
  ])
}

// Rooms are many, and most looks find only the curves moved on: what is the very same vnode preact does not compare.
let lastScene: { now: Model; before: Model; scene: Room } | undefined
let lastRooms: { scene: Room; key: string; node: VNode } | undefined

function sceneFor(now: Model, before: Model): Room {
  const last = lastScene
  const isSame =
    last?.before === before &&
    last.now.processes === now.processes &&
    last.now.namespaces === now.namespaces &&
    last.now.containers === now.containers &&
    last.now.host === now.host
  if (isSame) return last.scene
  lastScene = { now, before, scene: sceneOf(now, before) }
  return lastScene.scene
}

function roomsFor(scene: Room, { now, at, open, all }: State): VNode {
  const options: RoomsOptions = { at, open, all, kind: now.lesson?.kind }
  const key = JSON.stringify(options)
  if (lastRooms?.scene !== scene || lastRooms.key !== key) lastRooms = { scene, key, node: rooms(scene, options) }
  return lastRooms.node
}

function lessonOf({ lesson }: Model): VNode | null {
  if (!lesson) return null
  const { number, title, kind } = lesson
  return h('p', { class: 'lesson' }, [
    h('strong', null, `${number} · ${title}`),
    kind ? h('span', { class: 'soft' }, ` watch ${kind} ★`) : null,
  ])
}

function statusOf({ source, now }: State): string {
  if (source === 'live') return '● live'
  return source === 'lost' ? '○ connection lost, trying again' : `picture of ${clock(now.at, true)}`
}

function buttons({ source }: State, { remember, save, theme, help }: Actions): VNode[] {
  const all: [string, string, () => void, boolean][] = [
    ['Remember now', 'r', remember, source !== 'export'],
    ['Export', 'e', save, source !== 'export'],
    ['Light or dark', 't', theme, true],
    ['Keys', '?', help, true],
  ]
  return all
    .filter(([, , , shown]) => shown)
    .map(([words, key, action]) =>
      h('button', { key, type: 'button', onClick: action, 'aria-keyshortcuts': key }, [
        words,
        ' ',
        h('kbd', null, key),
      ]),
    )
}

function helpOf(source: State['source']): VNode {
  const keys = KEYS.filter(([key]) => source !== 'export' || !'re'.includes(key))
  return h('div', { class: 'curtain' }, [
    h('section', { class: 'help', role: 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'keys' }, [
      h('h2', { id: 'keys', tabIndex: -1 }, 'Keys'),
      h(
        'dl',
        null,
        keys.flatMap(([key, what]) => [h('dt', { key }, h('kbd', null, key)), h('dd', { key: what }, what)]),
      ),
      h('p', null, EXPLANATION),
    ]),
  ])
}

const KEYS: [string, string][] = [
  ['↓ ↑', 'the next room or process, the one before'],
  ['→ ←', 'into the room, out of it'],
  ['Home End', 'the first, the last'],
  ['Enter', 'details'],
  ['Esc', 'closes them'],
  ['o', "all of the host's processes and groups, or only those that matter"],
  ['r', 'remember: from now on what is new and gone counts from here'],
  ['e', 'export: one file with all of this'],
  ['t', 'light or dark'],
  ['?', 'these keys'],
]

const EXPLANATION = `A room is a set of processes that have all eight namespaces in common. It lies in the room of whoever
started it. Each process has a number in its own pid namespace, and one in each around it.`

/** `12:03:04`, or with the day. */
export function clock(at: number, withDay = false): string {
  const date = new Date(at)
  const pad = (n: number) => String(n).padStart(2, '0')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':')
  return withDay ? `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}` : time
}
