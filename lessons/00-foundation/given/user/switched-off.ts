/*
 * Some machines do not let everybody make user namespaces: each lets an ordinary user call code of the kernel that was
 * written for root. There are three switches, of the kernel, of Debian and of Ubuntu, and they fail in different places.
 */
import { existsSync, readFileSync } from '../fs.ts'

interface Switch {
  file: string
  off: string
  /** Does it bind root as well? */
  root: boolean
  says: string
  mend: string
}

const SWITCHES: Switch[] = [
  {
    file: 'user/max_user_namespaces',
    off: '0',
    root: true,
    says: 'this machine allows no user namespaces at all (clone(2) says ENOSPC)',
    mend: 'sudo sysctl user.max_user_namespaces=10000',
  },
  {
    file: 'kernel/unprivileged_userns_clone',
    off: '0',
    root: false,
    says: 'this machine allows user namespaces to root only (clone(2) says EPERM; a switch of Debian)',
    mend: 'sudo sysctl kernel.unprivileged_userns_clone=1',
  },
  {
    file: 'kernel/apparmor_restrict_unprivileged_userns',
    off: '1',
    root: false,
    says: 'AppArmor takes all capabilities from a user namespace of an ordinary user (a switch of Ubuntu 24.04)',
    mend: 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
  },
]

/** Why this user gets no user namespace, and what an administrator types to change that; undefined where none is off. */
export function switchedOff(isRoot = process.getuid?.() === 0, sysctls = '/proc/sys'): string | undefined {
  const found = SWITCHES.find(({ file, off, root }) => (root || !isRoot) && valueOf(`${sysctls}/${file}`) === off)
  return found && `${found.says}: user_namespaces(7)\n  Until the next boot: ${found.mend}`
}

function valueOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}
