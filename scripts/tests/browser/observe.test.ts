import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { running } from '#given/running.ts'
import { project } from '#given/spec.ts'
import { said, start, until } from '../boxes.ts'
import { openChromium } from './chromium.ts'

const NAME = 'looked-at'
const SIZES = [
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
]
const pictures = join(project, '.workshop', 'observe') // screenshots, to look at

let browser: Browser
let server: ChildProcess
let box: ChildProcess
let address = ''
let folder = ''
let context: BrowserContext | undefined
const started: ChildProcess[] = []

beforeAll(async () => {
  ensureRootfs()
  mkdirSync(pictures, { recursive: true })
  folder = mkdtempSync(join(tmpdir(), 'observe-'))
  browser = await openChromium()
  server = spawn(process.execPath, ['scripts/observe.ts', '--port', '0'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (!server.stdout) throw new Error('no output')
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  address = String(line).split(' ')[0] ?? ''
  box = await container(NAME)
})

afterAll(async () => {
  await browser?.close()
  for (const child of [server, ...started]) await end(child)
  rmSync(folder, { recursive: true, force: true })
})

afterEach(async () => {
  await context?.close()
  context = undefined
})

async function container(name: string): Promise<ChildProcess> {
  const argv = ['sh', '-c', 'echo ready; while :; do :; done & cat']
  const child = start(['--reference', '--name', name, '--memory', '64m', '--cpus', '0.1', '--', ...argv])
  started.push(child)
  await said(child, 'ready')
  return child
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.stdin) child.stdin.end()
  else child.kill('SIGKILL')
  await ended
}

/** A page, and what it did wrong. */
async function openPage(
  options: { width?: number; height?: number; scheme?: 'light' | 'dark'; to?: string; offline?: boolean } = {},
): Promise<{ page: Page; errors: string[]; asked: string[] }> {
  const { width = 1280, height = 720, scheme = 'light', to = address, offline = false } = options
  const [errors, asked]: string[][] = [[], []]
  context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    offline,
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => errors?.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors?.push(message.text()))
  page.on('request', (request) => asked?.push(request.url()))
  await page.goto(to)
  await page.getByRole('tree').waitFor()
  return { page, errors: errors ?? [], asked: asked ?? [] }
}

const roomIn = (page: Page, name = NAME) => page.getByRole('treeitem', { name: new RegExp(`^${name}, `) })

test('a container is a room with its process in it, under both numbers; nothing is asked elsewhere', async () => {
  const { page, errors, asked } = await openPage()
  const pid = running().find(({ container: { spec } }) => spec.name === NAME)?.container.pid
  const first = roomIn(page).getByRole('treeitem', { name: `process 1 in ${NAME}, ${pid} on the host` })
  await first.waitFor()
  expect(await first.textContent()).toMatch(new RegExp(`1 in ${NAME}\\s*${pid} on the host`))
  await page.locator('.curve.cpu .upper[d^=M]').first().waitFor({ state: 'attached' })

  const elsewhere = asked.filter((url) => !url.startsWith(address) && !url.startsWith('data:'))
  expect({ errors, elsewhere }).toEqual({ errors: [], elsewhere: [] })
})

test('what starts and ends while one looks is marked', async () => {
  const { page } = await openPage()
  const one = await container('comes-and-goes')
  await roomIn(page, 'comes-and-goes').getByText('+ new').first().waitFor()
  await page.keyboard.press('r')
  await page.getByText('Nothing is new, and nothing gone.').waitFor()
  await end(one)
  await roomIn(page, 'comes-and-goes').getByText('− gone').first().waitFor()
})

test('by the keyboard alone: to a room, into it, its details, and back', async () => {
  const { page } = await openPage()
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '')
  for (let i = 0; i < 20 && !(await focused()).startsWith('host, '); i++) await page.keyboard.press('Tab')
  expect(await focused()).toMatch(/^host, /)

  for (let i = 0; i < 200 && !(await focused()).startsWith(`${NAME}, `); i++) await page.keyboard.press('ArrowDown')
  expect(await focused()).toMatch(new RegExp(`^${NAME}, a container`))
  await page.keyboard.press('ArrowRight')
  expect(await focused()).toMatch(/process 1 in/)
  await page.keyboard.press('Enter')
  const panel = page.getByRole('region', { name: /Esc closes/ })
  await panel.getByText('Its number in each pid namespace').waitFor()
  await panel.getByText('CapEff').waitFor()
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  expect(await focused(), 'the keyboard is where it was').toMatch(/process 1 in/)

  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Enter')
  await page.getByRole('table', { name: /^Mounts: / }).waitFor()
  await page.getByRole('table', { name: /^Links: / }).waitFor()
  await page.keyboard.press('Escape')

  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('Home')
  expect(await focused()).toMatch(/^host, /)
})

test.each(SIZES.flatMap((size) => (['light', 'dark'] as const).map((scheme) => ({ ...size, scheme }))))(
  'axe finds nothing at $width x $height, $scheme, with details and with the keys shown',
  async (options) => {
    const { page } = await openPage(options)
    const shoot = (what: string) =>
      page.screenshot({ path: join(pictures, `${options.width}-${options.scheme}-${what}.png`) })
    await roomIn(page).waitFor()
    await violations(page)
    await shoot('rooms')
    await roomIn(page).locator('.title').click()
    await page.getByRole('table', { name: /^Mounts: / }).waitFor()
    await violations(page)
    await shoot('details')
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    await violations(page)
    await shoot('keys')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect(wide, 'nothing lies beyond the right edge').toBe(0)
  },
)

async function violations(page: Page): Promise<void> {
  const found = await new AxeBuilder({ page }).analyze()
  const said = found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join('\n')}`,
  )
  expect(said).toEqual([])
}

test('t changes between light and dark', async () => {
  const { page } = await openPage({ scheme: 'light' })
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await paper()
  await page.keyboard.press('t')
  const dark = await paper()
  expect(dark).not.toBe(light)
  await violations(page)
  await page.keyboard.press('t')
  expect(await paper()).toBe(light)
})

test('the export is one file that shows the same without a network', async () => {
  const live = await openPage()
  await roomIn(live.page).waitFor()
  const [download] = await Promise.all([live.page.waitForEvent('download'), live.page.keyboard.press('e')])
  const file = join(folder, 'export.html')
  await download.saveAs(file)
  await context?.close()
  expect(statSync(file).size).toBeLessThan(200_000)

  const { page, errors, asked } = await openPage({ to: pathToFileURL(file).href, offline: true })
  await roomIn(page).locator('.title').click()
  await page.getByRole('table', { name: /^Mounts: / }).waitFor()
  await page.getByText('picture of').waitFor()
  await violations(page)
  const elsewhere = asked.filter(
    (url) => !url.startsWith('file:') && !url.startsWith('data:') && !url.startsWith('blob:'),
  )
  expect({ errors, elsewhere }).toEqual({ errors: [], elsewhere: [] })
})

test('reloaded again and again, and closed in the middle, it harms no container and holds nothing', async () => {
  const { page } = await openPage()
  const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length
  const before = descriptors()
  for (let i = 0; i < 10; i++) await page.goto(page.url(), { waitUntil: 'commit' })
  await page.getByRole('tree').waitFor()
  await roomIn(page).waitFor()
  await until(() => descriptors() <= before, 'as many open files as before')
  expect(box.exitCode).toBeNull()
})

test('when the server ends the page says so, and goes on when there is one again', async () => {
  const { page } = await openPage()
  const port = new URL(address).port
  await end(server)
  await page.getByText('connection lost').waitFor()
  server = spawn(process.execPath, ['scripts/observe.ts', '--port', port], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await page.getByText('● live').waitFor()
  await roomIn(page).waitFor()
})
