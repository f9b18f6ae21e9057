import { lstatSync, statSync } from 'node:fs'
import { basename, dirname, posix, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UsageError } from '#given/errors.ts'
import { flushed, quit } from '#given/run.ts'
import { Files, tarOf } from '../../lessons/11-box/given/copy.ts'
import { boxNamed, entryOf, settled } from '../lib/boxes.ts'
import { callersFolder, command } from '../lib/command.ts'
import { noMore, wanted } from '../lib/images.ts'
import { verb } from '../lib/verbs.ts'

const warn = (message: string) => console.error(`box: ${message}`)

await command(
  verb({
    usage: 'cp SRC NAME:DST    or    cp NAME:SRC DST',
    about: `Copies a file, or a folder with all in it, to or from a container that runs. Where DST is a folder, it gets a place in
it; of SRC/. only what is in it. What comes out is yours, what goes in is the container's root's. A - in the place of
the path on this host is a tar, from standard input or to standard output. No symbolic link leads out of either.`,
    examples: ['cp ./site web:/srv', 'cp web:/etc/hosts .', 'cp web:/var/log - | tar t'],
  }),
  async ({ positionals }) => {
    noMore(positionals, 2)
    const source = parse(wanted(positionals[0], 'what to copy'))
    const target = parse(wanted(positionals[1], 'where to'))
    if (source.name === undefined && target.name === undefined)
      throw new UsageError('neither is in a container: SRC or DST is NAME:PATH. For two paths of this host there is cp')
    if (source.name !== undefined && target.name !== undefined)
      throw new UsageError('both are in containers: copy to this host first, and then from here')
    const box = await settled(await boxNamed(source.name ?? target.name))
    if (!box.state.entry && box.state.status !== 'starting')
      throw new UsageError(
        `'${box.name}' does not run, and its root is put together only while it does: npm run box -- start ${box.name}`,
        125,
      )
    const files = await Files.open(entryOf(box))
    const done =
      source.name === undefined
        ? await copyIn(files, source.path, target.path)
        : await copyOut(files, source.path, target.path)
    quit(done ? 0 : 125)
  },
)

/** NAME:PATH, or a path of the host: one with a slash or a dot before the colon is that, as ./a:b. */
function parse(text: string): { name?: string; path: string } {
  const [, name, path = ''] = text.match(/^([^:/.][^:/]*):(.*)$/s) ?? []
  if (name === undefined) return { path: text }
  if (path === '') throw new UsageError(`${text}: a path in the container comes after the colon, such as ${name}:/srv`)
  return { name, path }
}

/** Does it mean what is in the folder, and not the folder? */
function isContent(path: string): boolean {
  return /(^|\/)\.$/.test(path) || /^\/+$/.test(path)
}

async function copyOut(files: Files, path: string, target: string): Promise<boolean> {
  const isFolder = lstatSync(files.place(path)).isDirectory()
  const content = isFolder && isContent(path)
  const own = content ? undefined : posix.basename(posix.resolve('/', path))
  if (target === '-') {
    if (process.stdout.isTTY) throw new UsageError('a tar is nothing for a terminal: > FILE, or | tar t')
    await pipeline(Readable.from(files.pack(path, { name: own, warn }), { objectMode: false }), process.stdout)
    await flushed()
    return true
  }
  const host = resolve(callersFolder, target)
  const there = statSync(host, { throwIfNoEntry: false })
  const { folder, name } = place(
    host,
    { own, isFolder, slash: /\/\.?$/.test(target) },
    {
      isFolder: there?.isDirectory() === true,
      isOther: there !== undefined && !there.isDirectory(),
      hasParent: statSync(dirname(host), { throwIfNoEntry: false })?.isDirectory() === true,
    },
  )
  return files.unpackOutside(folder, files.pack(path, { name, warn }))
}

async function copyIn(files: Files, path: string, target: string): Promise<boolean> {
  if (path === '-') {
    if (!files.isFolder(target)) throw new UsageError(`${target} is no folder of the container's: a tar wants one`, 125)
    return files.unpack(target, process.stdin)
  }
  const host = resolve(callersFolder, path)
  const stat = lstatSync(host, { throwIfNoEntry: false })
  if (!stat) throw new UsageError(`there is no ${host} on this machine`, 125)
  const isFolder = stat.isDirectory()
  const own = isFolder && isContent(path) ? undefined : basename(host)
  const inside = posix.resolve('/', target)
  const { folder, name } = place(
    inside,
    { own, isFolder, slash: /\/\.?$/.test(target) },
    {
      isFolder: files.isFolder(inside),
      isOther: !files.isFolder(inside) && exists(() => files.place(inside)),
      hasParent: files.isFolder(posix.dirname(inside)),
    },
  )
  return files.unpack(folder, tarOf(host, { name, warn }))
}

interface Source {
  /** None where only what is in it is meant. */
  own: string | undefined
  isFolder: boolean
  /** Was the target written with a slash at its end? Then it must be a folder. */
  slash: boolean
}

interface There {
  isFolder: boolean
  /** Something else is there. */
  isOther: boolean
  hasParent: boolean
}

/** Into which folder something goes, and what it is called there: as cp(1) does. */
function place(
  target: string,
  { own, isFolder, slash }: Source,
  there: There,
): { folder: string; name: string | undefined } {
  if (there.isFolder) return { folder: target, name: own }
  if (!there.hasParent) throw new UsageError(`there is no folder ${posix.dirname(target)}`, 125)
  if (there.isOther && (isFolder || slash)) throw new UsageError(`${target} is there, and no folder`, 125)
  if (slash && !isFolder) throw new UsageError(`there is no folder ${target}`, 125)
  return { folder: posix.dirname(target), name: posix.basename(target) }
}

function exists(look: () => string): boolean {
  try {
    look()
    return true
  } catch {
    return false
  }
}
