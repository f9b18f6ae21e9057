/*
 * The files of a cgroup. All of them are text: a number, a word, or lines of `name value`.
 */
import { UsageError } from '../errors.ts'
import { existsSync, readFileSync, writeFileSync } from '../fs.ts'
import type { Group } from './hierarchies.ts'

/** What a file says, without the newline. */
export function read({ path }: Group, file: string): string {
  return readFileSync(`${path}/${file}`, 'utf8').trimEnd()
}

/** What a file says that holds one number; `max`, v2's word for no limit, is Infinity. */
export function number(group: Group, file: string): number {
  const text = read(group, file)
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}

/** The number after a name, in a file with lines of `name value`; 0 where the kernel does not count this. */
export function field(group: Group, file: string, name: string): number {
  const line = read(group, file)
    .split('\n')
    .find((text) => text.startsWith(`${name} `))
  return Number(line?.split(' ')[1] ?? 0)
}

/**
 * Writes to a file of a group: each of several values with a write of its own, as the kernel wants it.
 *
 * @throws {UsageError} with the kernel's answer where it refuses
 */
export function write({ path }: Group, file: string, value: Value): void {
  for (const one of Array.isArray(value) ? value : [value]) {
    try {
      writeFileSync(`${path}/${file}`, String(one))
    } catch (error) {
      if (/\bNaN\b/.test(String(one)))
        throw new UsageError(
          `settings() gives NaN for ${file}: who asked for no limit gets none, so leave undefined as it is`,
          125,
        )
      if (existsSync(path) && !existsSync(`${path}/${file}`))
        throw new UsageError(`there is no ${file} in ${path}. ls it: the name may be of the other version`, 125)
      throw new UsageError(`the kernel refused '${one}' in ${path}/${file}: ${reason(error)}`, 125)
    }
  }
}

/** What goes into one file. */
export type Value = string | number | string[]
/** What goes into which file of a group; undefined: nothing. */
export type Settings = Record<string, Value | undefined>

const REASONS: Record<string, string> = {
  EINVAL: 'EINVAL, it does not understand this value, or it is beyond what the group above allows',
  EBUSY: 'EBUSY, the group has processes, or uses more already',
  ENODEV: 'ENODEV, no such whole disk: a partition will not do',
  ERANGE: 'ERANGE, the number is too small or too large',
}

function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
