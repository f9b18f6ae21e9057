import { ask, find } from './tools.ts'

/** The mirrors that this machine uses for Debian; none means mmdebstrap's own. */
export function mirrors(suite: string): string[] {
  const format = '--format=$(REPO_URI)|$(ORIGIN)|$(LABEL)'
  const targets = find('apt-get') ? ask('apt-get', 'indextargets', format, 'Created-By: Packages') : ''
  const mirror = (label: string) =>
    targets
      .split('\n')
      .find((line) => line.endsWith(`|Debian|${label}`))
      ?.split('|')[0]
  const [main, security] = [mirror('Debian'), mirror('Debian-Security')]
  if (!main || !security) return []
  return [`deb ${main} ${suite} main`, `deb ${main} ${suite}-updates main`, `deb ${security} ${suite}-security main`]
}
