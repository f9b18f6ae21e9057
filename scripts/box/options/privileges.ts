import { CAPABILITIES } from '#given/capabilities/names.ts'
import { DEFAULT_CAPABILITIES, PRIVILEGES } from '#given/capabilities/privileges.ts'
import { UsageError } from '#given/errors.ts'
import type { Spec } from '#given/mechanism.ts'
import type { Arguments, Options } from '../../lib/command.ts'

export const options: Options = {
  'cap-add': { type: 'string', multiple: true, value: 'A,B', description: 'capabilities beyond the fourteen, or all' },
  'cap-drop': {
    type: 'string',
    multiple: true,
    value: 'A,B',
    description: 'capabilities that it is not to have, or all',
  },
  user: {
    type: 'string',
    short: 'u',
    value: 'USER[:GROUP]',
    description: 'who the command runs as, by name or number; root',
  },
  'group-add': {
    type: 'string',
    multiple: true,
    value: 'GROUP',
    description: 'one more group for the user; often, too',
  },
  'new-privileges': { type: 'boolean', description: 'let setuid programs and file capabilities work; no filter' },
  seccomp: { type: 'string', value: 'default', description: 'the filter of system calls; or unconfined' },
  privileged: { type: 'boolean', description: 'all capabilities, all of /proc, no filter' },
}

const given = (values: Arguments['values']) => Object.keys(options).find((name) => values[name] !== undefined)

/** Nobody is to believe that he took something away when what takes it is left out. */
export function mustHave(mechanisms: string[], values: Arguments['values']): void {
  const option = given(values)
  if (!option || mechanisms.includes('capabilities')) return
  throw new UsageError(`--${option} is for the mechanism 'capabilities', which this container is not to have`)
}

/** What these options ask of a container. */
export async function read(values: Arguments['values']): Promise<Partial<Spec>> {
  if (!given(values)) return {}
  const privileged = Boolean(values.privileged)
  const add = await capabilities(values, 'cap-add')
  const drop = await capabilities(values, 'cap-drop')
  const both = add.find((name) => drop.includes(name))
  if (both) throw new UsageError(`--cap-add ${both} and --cap-drop ${both}: which of the two?`)
  const start = privileged || add.includes('ALL') ? CAPABILITIES : drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES
  if (values['new-privileges'] && values.seccomp === 'default') throw new UsageError(noFilter)
  const asked = add.filter((name) => name !== 'ALL')
  const user = userName(values.user)
  return {
    privileges: {
      ...PRIVILEGES,
      capabilities: [...new Set([...start.filter((name) => !drop.includes(name)), ...asked])],
      asked,
      ...(user === undefined ? {} : { user }),
      groups: list(values['group-add']).map((name) => id(name, '--group-add')),
      newPrivileges: privileged || Boolean(values['new-privileges']),
      seccomp: filter(values.seccomp) && !privileged,
      covers: !privileged,
    },
  }
}

const noFilter = '--seccomp default: with --new-privileges there is no filter, since it would fool setuid programs'
const list = (value: Arguments['values'][string]) => (value ?? []) as string[]

/** The names after an option, as Docker takes them: `cap_net_raw`, `NET_RAW`, `all`. */
async function capabilities(values: Arguments['values'], option: string): Promise<string[]> {
  const names = list(values[option]).flatMap((text) =>
    text.split(',').map((name) => name.trim().toUpperCase().replace(/^CAP_/, '')),
  )
  const unknown = names.find((name) => name !== 'ALL' && !CAPABILITIES.includes(name))
  if (unknown === undefined) return names
  const { nearest } = await import('../../lib/suggest.ts')
  const near = nearest(
    unknown,
    CAPABILITIES.map((name) => name.toLowerCase()),
  )?.toUpperCase()
  throw new UsageError(
    `--${option} ${shown(unknown)}: there is no such capability. ${near ? `Did you mean ${near}? ` : ''}man 7 capabilities lists all`,
  )
}

function userName(value: Arguments['values'][string]): string | undefined {
  if (value === undefined) return undefined
  const [user = '', group, ...more] = String(value).split(':')
  if (more.length > 0) throw new UsageError(`--user ${shown(value)}: it wants USER or USER:GROUP`)
  return [user, ...(group === undefined ? [] : [group])].map((name) => id(name, '--user')).join(':')
}

const MOST = 2 ** 32 - 2 // the one above means "no change" to setuid(2)

/** A name as in passwd(5), or a number. */
function id(name: string, option: string): string {
  const fits = /^\d+$/.test(name) ? Number(name) <= MOST : /^[A-Za-z_][\w.-]{0,31}$/.test(name)
  if (fits) return name
  throw new UsageError(`${option} ${shown(name)}: it wants a name, or a number from 0 to ${MOST}`)
}

function filter(value: Arguments['values'][string]): boolean {
  if (value === undefined || value === 'default') return true
  if (value === 'unconfined') return false
  throw new UsageError(`--seccomp ${shown(value)}: it is either default or unconfined`)
}

const shown = (value: unknown) => JSON.stringify(String(value).slice(0, 40))
