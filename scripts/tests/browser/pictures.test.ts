import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { lessonPictures } from '../../pictures/all.ts'
import { openChromium } from './chromium.ts'

const browser = await openChromium()
afterAll(() => browser.close())

test.for(await lessonPictures())(
  '$name: every word is in its box, and under no other word and no line',
  async (one) => {
    const page = await browser.newPage()
    await page.setContent(readFileSync(one.file, 'utf8'))
    const words = await page.locator('svg text').count()
    expect(words).toBeGreaterThan(5)
    expect(await page.evaluate(faults)).toEqual([])
    await page.close()
  },
)

test('what does not fit is found', async () => {
  const text = (words: string, x: number, y: number) => `<text x="${x}" y="${y}" font-size="16">${words}</text>`
  const page = await browser.newPage()
  await page.setContent(`<svg width="400" height="200"><rect x="10" y="10" width="60" height="80"/>
${text('too long for it', 20, 40)}${text('one', 20, 60)}${text('two', 24, 62)}<path d="M30 70L30 85"/>${text('cut', 20, 85)}</svg>`)
  const found = await page.evaluate(faults)
  expect(found.sort()).toEqual([
    "'one' lies on 'two'",
    "'too long for it' crosses the edge of a box",
    "'too long for it' is in no box",
    "a line goes through 'cut'",
  ])
  await page.close()
})

/** Runs in the page. Letters have room above and below them: what only touches there does not overlap. */
function faults(): string[] {
  const all = (what: string) => [...document.querySelectorAll(`svg ${what}`)]
  const boxes = all('rect').map((box) => box.getBoundingClientRect())
  const lines = all('path[d*=L]:not(.curve path)').map((line) => line.getBoundingClientRect())
  const texts = all('text').map((text) => ({ says: text.textContent?.trim() ?? '', at: spaceOf(text) }))

  function spaceOf(text: Element): DOMRect {
    const { x, y, width, height } = text.getBoundingClientRect()
    const letters = text.textContent?.length || 1
    const padded = letters - (text.textContent?.trimEnd().length ?? 0)
    return new DOMRect(x, y + height * 0.2, (width * (letters - padded)) / letters, height * 0.6)
  }
  function meet(a: DOMRect, b: DOMRect): boolean {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
  }
  function holds(box: DOMRect, a: DOMRect): boolean {
    return box.left <= a.left && a.right <= box.right && box.top <= a.top && a.bottom <= box.bottom
  }
  return texts.flatMap(({ says, at }, i) => [
    ...(boxes.some((box) => holds(box, at)) ? [] : [`'${says}' is in no box`]),
    ...boxes.filter((box) => meet(box, at) && !holds(box, at)).map(() => `'${says}' crosses the edge of a box`),
    ...lines.filter((line) => meet(line, at)).map(() => `a line goes through '${says}'`),
    ...texts.filter((other, j) => j > i && meet(other.at, at)).map((other) => `'${says}' lies on '${other.says}'`),
  ])
}
