/*
 * Unpacks a tar from its standard input where nothing leads out: it locks itself into a folder by chroot(2), lesson 01,
 * before it looks at the first byte. What is below may be a container's, which changes it meanwhile: a symbolic link that
 * appears there leads to where it would lead the container. All that it needs is loaded before.
 *
 *     node unpacker.ts FOLDER MASK      descriptor 3: the new root
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { x } from 'tar'
import { unblockSignals } from '#given/exec.ts'
import { closeSync, writeSync } from '#given/fs.ts'
import { bind, chroot } from '#given/libc.ts'
import { quit } from '#given/run.ts'

/** Where copy.ts puts the new root. */
export const ROOT = 3

const fchdir = bind('int fchdir(int fd)')

if (import.meta.main) quit(await unpack())

async function unpack(): Promise<number> {
  const [folder = '/', mask] = process.argv.slice(2)
  let code = 0
  const say = (text: string) => writeSync(2, `box: ${text}\n`)
  try {
    unblockSignals()
    process.umask(0) // they keep their permissions
    fchdir(ROOT)
    chroot('.')
    closeSync(ROOT)
    process.chdir(folder)
    const onwarn = (kind: string, message: string | Error) => {
      if (kind === 'TAR_ENTRY_INFO') return
      say(kind === 'TAR_ENTRY_UNSUPPORTED' ? `left out, ${message}` : String(message))
      if (kind !== 'TAR_ENTRY_UNSUPPORTED') code = 1
    }
    const filter = (path: string, entry: { mode?: number | undefined }) => {
      entry.mode = (entry.mode ?? 0) & Number(mask)
      return path !== './' // the folder itself stays as it is
    }
    const ownership = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    await pipeline(
      createReadStream('', { fd: 0 }),
      x({ cwd: folder, ...ownership, dmode: 0o755, preservePaths: true, filter: filter as never, onwarn }),
    )
    return code
  } catch (error) {
    say((error as Error).message)
    return 1
  }
}
