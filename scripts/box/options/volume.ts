import { UsageError } from '#given/errors.ts'
import { statSync } from '#given/fs.ts'
import type { Volume } from '#given/mechanism.ts'
import { inCallersFolder } from './root.ts'

/** A folder or file of the host, as --volume names it. In a lab some of the host's are not to be had. */
export function volume(text: string, inLab: boolean): Volume {
  const [host = '', target = '', mode = 'rw', ...more] = text.split(':')
  const wrong = (why: string, code = 2) => new UsageError(`--volume ${text}: ${why}`, code)
  if (!host || !target || more.length > 0) throw wrong('it wants HOST:CONTAINER or HOST:CONTAINER:ro, two paths')
  if (mode !== 'ro' && mode !== 'rw') throw wrong(`'${mode}' is neither ro (read-only) nor rw`)
  if (!target.startsWith('/')) throw wrong(`the path in the container must begin with /, such as /${target}`)
  if (target.split('/').every((part) => part === '' || part === '.')) throw wrong('the root itself cannot be a volume')
  if (target.split('/').includes('..')) throw wrong('the path in the container must not go up with ..')
  const source = inCallersFolder(host)
  const found = statSync(source, { throwIfNoEntry: false })
  if (!found) throw wrong(`there is no ${source} on this machine. mkdir it first?`, 125)
  if (inLab && /^\/(tmp|run|dev|proc|sys)(\/|$)/.test(source)) {
    throw wrong(
      `the container runs in a lab, which has a ${source.match(/^\/\w+/)?.[0]} of its own: use another folder`,
      125,
    )
  }
  return { source, target, kind: found.isDirectory() ? 'folder' : 'file', readonly: mode === 'ro' }
}
