import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { chroot as changeRoot } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

/** The shared libraries that a binary needs, and its loader, as ldd(1) names them. A static binary needs none. */
export function libraries(binary: string): string[] {
  try {
    const env = { ...process.env, LC_ALL: 'C' }
    const output = execFileSync('ldd', [binary], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] })
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

/** Makes a folder the root of this process: chroot(2). The working directory stays where it was. */
export function enterJail(rootfs: string): void {
  changeRoot(rootfs)
}

/** Another root folder. Neither safe nor complete; lesson 03 does better. */
export const chroot: Mechanism = {
  name: 'chroot',
  flags: 0,
  inside({ rootfs }) {
    enterJail(rootfs)
    process.chdir('/') // chroot leaves the working directory where it was: outside
  },
}

/** Walks out of a chroot. It needs CAP_SYS_CHROOT, which root has. */
export function escape(): void {
  mkdirSync('way-out', { recursive: true })
  changeRoot('way-out') // the root moves below the working directory, so no `..` is stopped by it any more
  for (let i = 0; i < 64; i++) process.chdir('..') // more than enough: the `..` of the real root is the real root
  changeRoot('.')
}

/** The escape as a layer, to put after another: lesson 03 will use it to show that pivot_root(2) holds. */
export const escapee: Mechanism = { name: 'escapee', flags: 0, inside: escape }
