import { UsageError } from '#given/errors.ts'
import type { Arguments } from '../../lib/command.ts'

export function list(value: Arguments['values'][string]): string[] {
  return (value ?? []) as string[]
}

/** A command of an image: a JSON array of words, or a line for sh. */
export function parseCommand(text: string): string[] {
  if (!text.startsWith('[')) return ['/bin/sh', '-c', text]
  try {
    const words: unknown = JSON.parse(text)
    if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string')) return words
  } catch {
    // no JSON
  }
  throw new UsageError(`${text.slice(0, 60)}: it wants a JSON array of words, such as ["ls", "-l"], or a line for sh`)
}
