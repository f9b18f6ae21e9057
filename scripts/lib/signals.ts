import { constants } from 'node:os'
import { UsageError } from '#given/errors.ts'
import { nearest } from './suggest.ts'

const LAST = 64 // SIGRTMAX: signal(7)

/**
 * The number of a signal: `TERM`, `SIGTERM`, `term` or 15.
 *
 * @throws {UsageError} where there is no such signal
 */
export function signalNumber(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : byName(text)
  if (number !== undefined && number >= 1 && number <= LAST) return number
  const shown = text.slice(0, 32)
  if (/^\d*$/.test(text)) throw new UsageError(`'${shown}' is no signal: they are 1 to ${LAST}, or a name such as TERM`)
  const near = nearest(shown.replace(/^SIG/i, ''), NAMES)
  throw new UsageError(`'${shown}' is no signal. ${near ? `Did you mean ${near}? ` : ''}signal(7) lists them`)
}

const NAMES = Object.keys(constants.signals).map((name) => name.slice('SIG'.length).toLowerCase())

function byName(text: string): number | undefined {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`
  return Object.hasOwn(constants.signals, name) ? constants.signals[name as keyof typeof constants.signals] : undefined
}
