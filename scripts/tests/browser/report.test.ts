import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allLessons } from '../../lib/lessons.ts'
import { sumUp } from '../../report/class.ts'
import { HOSTILE_NAMES, writeClass } from '../fixtures/handed-in.ts'
import { openChromium } from './chromium.ts'

let browser: Browser
let folder: string
let address: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'workshop-class-'))
  address = await pageOf(200)
  browser = await openChromium()
})

/** Makes a class of so many files, and its page. */
async function pageOf(count: number): Promise<string> {
  const path = join(folder, `class-${count}`)
  mkdirSync(path)
  writeClass(path, count, await allLessons())
  await sumUp(path)
  return pathToFileURL(`${path}.html`).href
}

afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true })
})

const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) => [
  { colorScheme, width: 1280, height: 720 },
  { colorScheme, width: 1920, height: 1080 },
])

/** Opens the page, and notes all that happens there. */
async function open(
  { colorScheme, width, height } = { colorScheme: 'light' as 'light' | 'dark', width: 1280, height: 720 },
) {
  const context = await browser.newContext({ colorScheme, viewport: { width, height } })
  const page = await context.newPage()
  const happened: string[] = []
  page.on('request', (request) => happened.push(`request ${request.url()}`))
  page.on('console', (message) => happened.push(`console ${message.text()}`))
  page.on('pageerror', (error) => happened.push(`error ${error.message}`))
  page.on('dialog', (dialog) => happened.push(`dialog ${dialog.message()}`))
  await page.goto(address, { waitUntil: 'load' })
  return { page, happened, [Symbol.asyncDispose]: () => context.close() }
}

const hacked = (page: Page) => page.evaluate('window.hacked')

test('nothing is executed, and nothing is asked for but the page itself', async () => {
  await using opened = await open()
  const { page, happened } = opened
  expect(await hacked(page)).toBeUndefined()
  expect(happened).toEqual([`request ${address}`])
  expect(await page.locator('tbody th', { hasText: 'window.hacked' }).count(), 'the traps are in it').toBeGreaterThan(3)
})

test('the same traps in a page that trusts them do snap', async () => {
  await using opened = await open()
  const { page } = opened
  await page.goto('about:blank')
  await page.setContent(HOSTILE_NAMES.join('\n'))
  await page.waitForFunction('window.hacked !== undefined')
})

test('its own style is let in by the policy, and no other', async () => {
  await using opened = await open()
  const { page, happened } = opened
  const background = () => page.evaluate('getComputedStyle(document.body.parentElement).backgroundColor')
  expect(await background()).toBe('rgb(251, 250, 247)')
  await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<style>html { background: red }</style>')")
  expect(await background()).toBe('rgb(251, 250, 247)')
  expect(happened.join('\n')).toContain('Content Security Policy')
})

test.for(LOOKS)('$colorScheme, $width x $height: nothing sticks out', async (look) => {
  await using opened = await open(look)
  expect(await opened.page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
})

// axe looks at each cell for itself. A class of 200 has the same cells, only more of them, and takes it a minute.
let small: Promise<string> | undefined
test.for(LOOKS)('$colorScheme, $width x $height: axe finds nothing', async (look) => {
  await using opened = await open(look)
  const { page } = opened
  small ??= pageOf(60)
  await page.goto(await small)
  const { violations } = await new AxeBuilder({ page }).analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
})

test('the state of a learner is a word', async () => {
  await using opened = await open()
  const cells = opened.page.locator('.matrix tbody .state')
  const words = new Set(await cells.evaluateAll((all) => all.map((one) => one.textContent?.replace(/\d+/g, 'N'))))
  expect([...words].sort()).toEqual(['· new', '↻ edited', '✓ done', '◐ N of N'].sort())
})

test('the keyboard is enough: each part is a link away', async () => {
  await using opened = await open()
  const { page } = opened
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  expect(await page.evaluate('location.hash')).toBe('#stuck')
})

test('on paper it is whole, and its second half begins a new page', async () => {
  await using opened = await open()
  await opened.page.emulateMedia({ media: 'print' })
  const pdf = await opened.page.pdf({ preferCSSPageSize: true })
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  const style = "getComputedStyle(document.querySelector('.half + .half')).breakBefore"
  expect(await opened.page.evaluate(style)).toBe('page')
})
