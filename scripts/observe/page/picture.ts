/*
 * A page with a picture in it needs no server: this is the export.
 */
import { applied, type Change, changeBetween } from '../change.ts'
import type { Model } from '../model.ts'
import { pack, unpack } from '../pack.ts'

/** What is now, and from there the way back to what was remembered: most of it is the same. */
interface Embedded {
  now: Model
  back: Change | null
}

/** The page's element for a picture, empty. */
export const PLACE = '<script type="application/json" id="picture">null</script>'

/** Puts a picture into a page. What processes are called stays data: no `<` of theirs is one for the browser. */
export function withPicture(html: string, now: Model, before: Model): string {
  const back = changeBetween(now, before)
  delete back?.points // the curves are those of now
  const embedded: Embedded = { now, back: back ?? null }
  const json = JSON.stringify(pack(embedded)).replaceAll('<', '\\u003c')
  return html.replace(PLACE, () => PLACE.replace('null', () => json))
}

/** Takes it out again; undefined where there is none. */
export function pictureIn(text: string): { now: Model; before: Model } | undefined {
  const packed = JSON.parse(text)
  if (!packed) return undefined
  const { now, back } = unpack(packed) as Embedded
  return { now, before: back ? applied(now, back) : now }
}
