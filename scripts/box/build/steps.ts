import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { createHash } from '#given/fs.ts'
import type { Start } from '../../../lessons/10-images/given/interface.ts'
import { callersFolder } from '../../lib/command.ts'
import { parseCommand } from '../options/config.ts'

/** A step of a build. What is the same is not done again, so `name` says all of it. */
export interface Step {
  name: string
  /** What it changes in the config. */
  config?: Start
  /** What is run for its layer. */
  run?: string
  copy?: { source: string; target: string }
}

/** The steps that make something of an image, by the name of their option. */
export const STEPS: Record<string, (value: string) => Step> = {
  run: (text) => ({ name: `RUN ${text}`, run: text }),
  copy: (text) => {
    const [from = '', target = '', ...more] = text.split(':')
    const wrong = (why: string) => new UsageError(`--copy ${text.slice(0, 80)}: ${why}`)
    if (!from || !target || more.length > 0) throw wrong('it wants SRC:DST, a path here and one in the image')
    if (!target.startsWith('/')) throw wrong(`the path in the image must begin with /, such as /${target}`)
    if (target.split('/').includes('..')) throw wrong('the path in the image must not go up with ..')
    const source = resolve(callersFolder, from)
    if (!lstatSync(source, { throwIfNoEntry: false })) throw wrong(`there is no ${source} on this machine`)
    return { name: `COPY sha256:${digestOfTree(source).slice(0, 12)} in ${target}`, copy: { source, target } }
  },
  cmd: (text) => said('CMD', { Cmd: parseCommand(text) }),
  entrypoint: (text) => said('ENTRYPOINT', { Entrypoint: text.startsWith('[') ? parseCommand(text) : [text] }),
  env: (text) => {
    if (text.indexOf('=') < 1)
      throw new UsageError(`--env ${text.slice(0, 80)}: it wants NAME=VALUE, such as --env LANG=C`)
    return said('ENV', { Env: [text] })
  },
  workdir: (text) => {
    if (!text.startsWith('/')) throw new UsageError(`--workdir ${text}: a path in the image begins with /`)
    return said('WORKDIR', { WorkingDir: text })
  },
  user: (text) => said('USER', { User: text }),
}

function said(word: string, config: Start): Step {
  return { name: `${word} ${Object.values(config).map((value) => JSON.stringify(value))}`, config }
}

/** Of a file, or of a folder with all that is in it: names, permissions, contents. Whose they are and when is not copied. */
function digestOfTree(path: string): string {
  const hash = createHash('sha256')
  const add = (file: string, name: string) => {
    const stat = lstatSync(file)
    hash.update(`${JSON.stringify(name)} ${stat.mode} `)
    if (stat.isSymbolicLink()) hash.update(readlinkSync(file))
    else if (stat.isFile()) hash.update(`${stat.size} `).update(readFileSync(file))
    else if (stat.isDirectory())
      for (const inside of readdirSync(file).sort()) add(join(file, inside), `${name}/${inside}`)
    else throw new UsageError(`${file} is neither a file, nor a folder, nor a symbolic link: it cannot be copied`, 125)
  }
  add(path, '')
  return hash.digest('hex')
}
