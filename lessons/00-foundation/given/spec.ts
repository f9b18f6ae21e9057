import { PRIVILEGES } from './capabilities/privileges.ts'
import { LIMITS } from './cgroups/limits.ts'
import type { Spec } from './mechanism.ts'
import { NETWORK } from './net/network.ts'
import { ids } from './user/ids.ts'

export const project = new URL('../../../', import.meta.url).pathname.replace(/\/$/, '')

/** The root file system that the workshop builds: rootfs.ts. Labs and checks always take this one. */
export const ROOTFS = `${project}/.workshop/rootfs`
/** One that you brought, by `npm run rootfs -- --from` or `--tar`. Where there is one, `npm run box` takes it. */
export const OWN_ROOTFS = `${project}/.workshop/rootfs-own`

/** The environment that a container's command starts with, unless told otherwise. */
export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: process.env.TERM ?? 'dumb',
}

type Wish = { [Key in keyof Spec]?: Spec[Key] | undefined } & Pick<Spec, 'argv' | 'rootfs' | 'mechanisms'>

/** Completes what one asks of a container. */
export function spec(wish: Wish): Spec {
  const id = wish.id ?? newId()
  return {
    id,
    name: wish.name ?? id,
    rootfs: wish.rootfs,
    ...(wish.union ? { union: wish.union } : {}),
    argv: wish.argv,
    env: { ...ENVIRONMENT, ...wish.env },
    cwd: wish.cwd ?? '/',
    hostname: wish.hostname ?? 'box',
    domainname: wish.domainname ?? '(none)',
    volumes: wish.volumes ?? [],
    mechanisms: wish.mechanisms,
    ...(wish.terminal ? { terminal: wish.terminal } : {}),
    init: wish.init ?? false,
    network: wish.network ?? NETWORK,
    ids: wish.ids ?? ids(),
    limits: wish.limits ?? LIMITS,
    privileges: wish.privileges ?? PRIVILEGES,
  }
}

/** Twelve digits, as Docker's. They tell containers apart and guard no secret, so Math.random will do. */
export function newId(): string {
  return Math.random().toString(16).slice(2, 14).padEnd(12, '0')
}
