import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { chroot as changeRoot, mkdir } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

/** The shared libraries that a binary needs, and its loader, as ldd(1) names them. A static binary needs none. */
export function libraries(binary: string): string[] {
  try {
    const output = execFileSync('ldd', [binary], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    // `libc.so.6 => /lib/libc.so.6 (0x…)`, and the loader without an arrow; the vdso has no path, the kernel maps it.
    return output.split('\n').flatMap((line) => line.match(/(?:=>\s*)?(\/\S+)\s+\(0x/)?.[1] ?? [])
  } catch (error) {
    if (String((error as { stderr?: string }).stderr).includes('not a dynamic executable')) return []
    throw error
  }
}

/** Copies binaries into a folder, each with its libraries, to the places where they were. */
export function buildJail(jail: string, binaries: string[]): void {
  for (const file of new Set(binaries.flatMap((binary) => [binary, ...libraries(binary)]))) {
    const copy = join(jail, file)
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(file, copy)
  }
}

/** Another root folder: chroot(2). Neither safe nor complete; lesson 03 does better. */
export const chroot: Mechanism = {
  name: 'chroot',
  flags: 0,
  inside({ rootfs }) {
    changeRoot(rootfs)
    process.chdir('/') // chroot leaves the working directory where it was: outside
  },
}

/** Walks out of a chroot. It needs CAP_SYS_CHROOT, which root has. */
export function escape(): void {
  mkdir('way-out', 0o700)
  changeRoot('way-out') // the root moves below the working directory, so no `..` is stopped by it any more
  for (let i = 0; i < 64; i++) process.chdir('..')
  changeRoot('.')
}
