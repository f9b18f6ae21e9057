/*
 * How images are named: `name:tag`, where the name may have folders (`team/web`) and a host before them.
 */
import { ImageError } from './errors.ts'

const NAME =
  /^(?:[a-zA-Z0-9.-]+(?::[0-9]+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^\w[\w.-]{0,127}$/

/**
 * A reference with its tag: `web` is `web:latest`.
 *
 * @throws {ImageError} BAD_NAME
 */
export function asReference(text: string): string {
  const colon = text.lastIndexOf(':')
  const hasTag = colon > text.lastIndexOf('/')
  const [name, tag] = hasTag ? [text.slice(0, colon), text.slice(colon + 1)] : [text, 'latest']
  if (text.length <= 255 && NAME.test(name) && TAG.test(tag)) return `${name}:${tag}`
  const lower = asLower(text)
  throw new ImageError(
    'BAD_NAME',
    `'${text}' is no name for an image${lower ? `. Did you mean ${lower}?` : ': small letters, digits, . _ - and /, then :tag'}`,
  )
}

function asLower(text: string): string | undefined {
  const lower = text.toLowerCase()
  return lower !== text && isReference(lower) ? lower : undefined
}

/** Can this be a reference? */
export function isReference(text: string): boolean {
  try {
    asReference(text)
    return true
  } catch {
    return false
  }
}
