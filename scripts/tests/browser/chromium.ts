import { type Browser, chromium } from 'playwright-core'
import { UsageError } from '#given/errors.ts'
import { ensure, find } from '../../vm/tools.ts'

// Debian's Chromium, driven over a pipe. A browser that playwright downloads would come from a place of its own.

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** For a headless one on a machine without a screen, run by root, that calls nobody by itself. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Where Chromium is. Root on a Debian gets it installed: 300 MB, once.
 *
 * @throws {UsageError} with what to do, where it is missing and may not be installed
 */
export async function findChromium(): Promise<string> {
  const there = () => NAMES.map(find).find((path) => path !== undefined)
  if (!there()) await ensure({ chromium: ['chromium', '--cask chromium'] })
  const path = there()
  if (!path) throw new UsageError('the package chromium is installed, but brought no program of this name', 1)
  return path
}

/** Starts a Chromium with a new, empty profile. Close it, and the profile is gone. */
export async function openChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium(), headless: true, args: FLAGS })
}
