import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { lessonFolders, project } from '../lib/lessons.ts'
import { lessonPictures, outOfDate } from '../pictures/all.ts'

const pictures = await lessonPictures()

test('every lesson has a picture', () => {
  const wanted = lessonFolders().map((folder) => `lessons/${folder}/picture.svg`)
  expect(
    pictures.map(({ name }) => name),
    'CONTRIBUTING.md, Pictures, says how to draw one',
  ).toEqual(wanted)
})

test('each lies there as it would be drawn now', () => {
  expect(
    outOfDate(pictures).map(({ name }) => name),
    'out of date: npm run pictures',
  ).toEqual([])
})

test('drawn again, it is the same to the letter', async () => {
  expect(await lessonPictures()).toEqual(pictures)
})

test('a picture that was changed by hand, and one that is missing, are out of date', () => {
  const [first, second] = pictures.map((one) => ({ ...one }))
  if (!first || !second) throw new Error('there are fewer than two pictures')
  first.svg += ' '
  second.file += '.missing'
  expect(outOfDate([first, second])).toEqual([first, second])
})

test.for(pictures)('$name: shown by its README, in words too; of one file, without a script', ({ name, svg }) => {
  expect(readFileSync(join(project, dirname(name), 'README.md'), 'utf8')).toMatch(/^!\[[^\]]{20,}\]\(picture\.svg\)$/m)
  expect(svg).toMatch(/<title>[^<]{10,}<\/title><desc>[^<]{50,}<\/desc>/)
  expect(svg).toContain('prefers-color-scheme:dark')
  expect(svg).not.toMatch(/<script|<image|<foreignObject|href=|url\(|@import|undefined|NaN/)
  expect(Number(/ width="([\d.]+)"/.exec(svg)?.[1]), 'wider than GitHub shows it').toBeLessThanOrEqual(800)
})
