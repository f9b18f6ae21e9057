import { chroot } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

/** A chroot whose author forgot the chdir(2): for the demo, and for the check that finds it out. */
export const forgetful: Mechanism = {
  name: 'forgetful',
  flags: 0,
  inside({ rootfs }) {
    chroot(rootfs)
  },
}
