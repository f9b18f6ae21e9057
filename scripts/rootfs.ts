import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { ensureRootfs, install, refuseUsed } from '#given/rootfs.ts'
import { OWN_ROOTFS, project } from '#given/spec.ts'
import { callersFolder, command } from './lib/command.ts'

await command(
  {
    name: 'rootfs',
    usage: 'npm run rootfs [-- --from DIR | --tar FILE]',
    about: `Builds the root file system of the containers from this machine's own programs. With --from or --tar,
\`npm run box\` takes a root of yours from then on; labs and checks keep the built one. Without, yours is removed.`,
    options: {
      from: { type: 'string', value: 'DIR', description: 'copy this folder, such as one that debootstrap made' },
      tar: {
        type: 'string',
        value: 'FILE',
        description: 'unpack this archive (.tar, .tar.gz, .tar.xz), as docker export makes',
      },
      force: { type: 'boolean', description: 'build it again, even where nothing has changed' },
    },
    examples: ['npm run rootfs', 'npm run rootfs -- --tar debian.tar.gz', 'npm run box -- run -- cat /etc/os-release'],
  },
  async ({ values: { from, tar, force }, positionals }) => {
    if (positionals.length > 0)
      throw new UsageError(`'${positionals[0]}' is too much. A folder is --from, an archive --tar`)
    if (from !== undefined && tar !== undefined) throw new UsageError('--from or --tar, not both')
    refuseUsed(OWN_ROOTFS)
    if (typeof from === 'string') report(takeFolder(resolve(callersFolder, from)))
    else if (typeof tar === 'string') report(takeArchive(resolve(callersFolder, tar)))
    else report(build(Boolean(force)))
    return 0
  },
)

function build(force: boolean): string {
  if (existsSync(OWN_ROOTFS)) {
    const old = `${OWN_ROOTFS}.old-${process.pid}` // first out of the way, so that nobody takes half of it
    renameSync(OWN_ROOTFS, old)
    rmSync(old, { recursive: true, force: true })
    say('The root that you had brought is removed; npm run box takes the built one again.')
  }
  say("A root of this machine's own programs and their libraries; where it has to be built, a few seconds…")
  return ensureRootfs({ force })
}

function takeFolder(source: string): string {
  if (!statSync(source, { throwIfNoEntry: false })) throw new UsageError(`--from ${source}: there is no such folder`)
  if (!statSync(source).isDirectory()) throw new UsageError(`--from ${source}: that is a file. An archive is --tar`)
  if (readdirSync(source).length === 0) throw new UsageError(`--from ${source}: the folder is empty`)
  if (`${project}/`.startsWith(`${realpathSync(source)}/`.replace('//', '/'))) {
    throw new UsageError(`--from ${source}: the workshop itself lies in it, and would be copied into itself`)
  }
  say(`Copying ${source}…`)
  install(OWN_ROOTFS, (folder) => {
    run(
      'cp',
      ['--archive', '--one-file-system', '--reflink=auto', `${source}/.`, folder],
      () => 'it could not be copied',
    )
  })
  return OWN_ROOTFS
}

function takeArchive(file: string): string {
  if (!statSync(file, { throwIfNoEntry: false })) throw new UsageError(`--tar ${file}: there is no such file`)
  if (statSync(file).isDirectory()) throw new UsageError(`--tar ${file}: that is a folder. A folder is --from`)
  say(`Unpacking ${file}…`)
  install(OWN_ROOTFS, (folder) => {
    // tar itself takes the slash from absolute names, refuses `..`, and follows no link that it has unpacked.
    run('tar', ['--extract', '--file', file, '--directory', folder, '--numeric-owner'], (complaint) => {
      if (complaint.includes("Member name contains '..'")) return 'it has names with `..`, which lead out of its root'
      if (/mknod/.test(complaint) && process.getuid?.() !== 0) return 'it has device nodes, which only root can make'
      return 'tar cannot unpack it'
    })
    if (readdirSync(folder).length === 0) throw new UsageError(`--tar ${file}: the archive is empty`, 1)
  })
  return OWN_ROOTFS
}

/** Runs a program, and turns its failure into a sentence. Nothing is installed then. */
function run(program: string, args: string[], why: (complaint: string) => string): void {
  const { status, stderr, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (error) throw new UsageError(`${program}(1) cannot be started: ${error.message}`, 1)
  if (status === 0) return
  const lines = stderr.trimEnd().split('\n')
  const more = lines.length > 3 ? [`(and ${lines.length - 3} lines more)`] : []
  const said = [...lines.slice(0, 3), ...more].map((line) => `\n  ${line}`).join('')
  throw new UsageError(`${why(stderr)}, so nothing was installed. ${program} says:${said}`, 1)
}

function report(root: string): void {
  const { bytes, files } = size(root)
  console.log(`${root}   ${Math.ceil(bytes / 1e6)} MB, ${files} files`)
  if (existsSync(join(root, 'manifest.json')) && !existsSync(join(root, 'usr'))) {
    say('This looks like the layers of an image (docker save). A root is what docker export gives.')
  }
  const shells = ['bin/sh', 'usr/bin/sh', 'bin/bash', 'usr/bin/bash', 'bin/busybox']
  if (!shells.some((shell) => lstatSync(join(root, shell), { throwIfNoEntry: false }))) {
    say(`There is no shell in it (${shells.slice(0, 2).join(', ')}): name a program of its own to run.`)
  }
}

/** What it takes on disk. Counted anew where another build replaces it under our eyes. */
function size(root: string, tries = 20): { bytes: number; files: number } {
  try {
    return count(root)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT' || tries === 0) throw error
    return size(root, tries - 1)
  }
}

function count(root: string): { bytes: number; files: number } {
  const seen = new Set<number>() // a file with several names counts once
  let bytes = 0
  for (const entry of readdirSync(root, { recursive: true })) {
    const { ino, blocks } = lstatSync(join(root, String(entry)))
    if (!seen.has(ino)) bytes += blocks * 512
    seen.add(ino)
  }
  return { bytes, files: seen.size }
}

function say(text: string): void {
  console.error(text)
}
