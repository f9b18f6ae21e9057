import { type Mechanism, notWritten } from '#given/mechanism.ts'

/** The shared libraries that a binary needs, and its loader, as ldd(1) names them. A static binary needs none. */
export function libraries(binary: string): string[] {
  return notWritten('01.1 ldd(1)', libraries, binary)
}

/** Copies binaries into a folder, each with its libraries, to the places where they were. */
export function buildJail(jail: string, binaries: string[]): void {
  notWritten('01.2 a jail', buildJail, jail, binaries)
}

/** Makes a folder the root of this process: chroot(2). The working directory stays where it was. */
export function enterJail(rootfs: string): void {
  notWritten('01.3 chroot(2)', enterJail, rootfs)
}

/** Another root folder. Neither safe nor complete; lesson 03 does better. */
export const chroot: Mechanism = {
  name: 'chroot',
  flags: 0,
  inside({ rootfs }) {
    enterJail(rootfs)
    notWritten('01.4 chdir(2)') // not before you have seen what happens without it
  },
}

/** Walks out of a chroot. It needs CAP_SYS_CHROOT, which root has. */
export function escape(): void {
  notWritten('01.5 the way out', escape)
}

/** The escape as a layer, to put after another: lesson 03 will use it to show that pivot_root(2) holds. */
export const escapee: Mechanism = { name: 'escapee', flags: 0, inside: escape }
