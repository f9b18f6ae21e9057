/*
 * What runs in the browser: it gets pictures, keeps where the reader is, and draws.
 */
import { render } from 'preact'
import { applied, type Change } from '../change.ts'
import { findItem } from '../draw/details.ts'
import { page, type State } from '../draw/page.ts'
import { OTHERS, roomItem } from '../draw/rooms.ts'
import { sceneOf } from '../draw/scene.ts'
import type { Model } from '../model.ts'
import { unpack } from '../pack.ts'
import { pictureIn, withPicture } from './picture.ts'
import { moved } from './walk.ts'

const root = document.getElementById('root') as HTMLElement
const embedded = pictureIn(document.getElementById('picture')?.textContent ?? 'null')
let state: State | undefined

/** Server-sent events: a whole picture at first and after a pause, then changes. The browser calls again by itself. */
function listen(): void {
  const events = new EventSource('/events')
  events.addEventListener('picture', ({ data }: MessageEvent<string>) => {
    const now = unpack(JSON.parse(data)) as Model
    if (state) change({ now, source: 'live' })
    else show(now, now, 'live')
  })
  events.addEventListener('change', ({ data }: MessageEvent<string>) => {
    const next: Change = JSON.parse(data)
    if (state) change({ now: applied(state.now, next) })
  })
  events.addEventListener('error', () => change({ source: 'lost' }))
}

function show(now: Model, before: Model, source: State['source']): void {
  state = { now, before, source, at: roomItem(sceneOf(now, before)), all: false, help: false }
  document.title = `${now.host.name}: namespaces and cgroups`
  draw()
}

function change(part: Partial<State>): void {
  if (!state) return
  state = { ...state, ...part }
  draw()
}

function draw(): void {
  if (!state) return
  const had = document.activeElement?.id
  render(page(state, actions), root)
  if (document.getElementById(state.at)) return
  // What the keyboard was at is gone: the room of the host is always there.
  const at = roomItem(sceneOf(state.now, state.before))
  const lost = had === state.at
  change({ at })
  if (lost) document.getElementById(at)?.focus()
}

const actions = {
  remember: () => state && change({ before: state.now }),
  save: () => void save(),
  theme() {
    const dark = matchMedia('(prefers-color-scheme: dark)').matches
    const { dataset } = document.documentElement
    const now = dataset.theme ?? (dark ? 'dark' : 'light')
    dataset.theme = now === 'dark' ? 'light' : 'dark'
  },
  help: () => setHelp(!state?.help),
}

/** One file with all of this: the page as it was served, with the picture in it. */
async function save(): Promise<void> {
  if (!state || embedded) return
  const { now, before } = state
  const html = withPicture(await (await fetch('/')).text(), now, before)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([html], { type: 'text/html' }))
  link.download = `containers-${new Date(now.at).toISOString().slice(0, 19).replaceAll(':', '')}.html`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

let returnTo: HTMLElement | null = null

function setHelp(help: boolean): void {
  if (help) returnTo = document.activeElement as HTMLElement | null
  change({ help })
  if (help) document.getElementById('keys')?.focus()
  else returnTo?.focus()
}

function open(item: string): void {
  if (!state) return
  change(item === OTHERS ? { all: !state.all, at: OTHERS } : { at: item, open: item })
  if (item !== OTHERS) document.getElementById('panel')?.focus()
}

function close(): void {
  if (!state?.open) return
  const { open: was } = state
  const still = findItem(sceneOf(state.now, state.before), was) ? was : state.at
  change({ open: undefined, at: still })
  document.getElementById(still)?.focus()
}

function walk(key: string): boolean {
  const next = moved(root, document.activeElement, key)
  if (!next) return false
  change({ at: next.id })
  next.focus()
  next.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  return true
}

document.addEventListener('keydown', (event) => {
  if (!state || event.ctrlKey || event.altKey || event.metaKey) return
  if (state.help) {
    if (['Escape', '?', 'Enter'].includes(event.key)) setHelp(false)
    event.preventDefault() // it is modal: Tab leads nowhere else
    return
  }
  if (handle(event)) event.preventDefault()
})

const KEYS: Record<string, () => void> = {
  Escape: close,
  o: () => change({ all: !state?.all }),
  t: actions.theme,
  '?': actions.help,
  ...(embedded ? {} : { r: actions.remember, e: actions.save }),
}

function handle({ key, target }: KeyboardEvent): boolean {
  const item = (target as HTMLElement).closest<HTMLElement>('[role=treeitem]')
  if (item && walk(key)) return true
  const action = item && (key === 'Enter' || key === ' ') ? () => open(item.id) : KEYS[key]
  action?.()
  return action !== undefined
}

root.addEventListener('click', ({ target }) => {
  if ((target as Element).closest('.curtain')) return setHelp(false)
  const item = (target as Element).closest('[role=treeitem]')
  if (item) open(item.id)
})

if (embedded) show(embedded.now, embedded.before, 'export')
else listen()
