/*
 * Gives a file what a tar says of it besides its name and bytes, as far as the one who unpacks may.
 */
import type { Entry } from './tar-read.ts'
import { type AttributeSpace, isOverlayAttribute } from './whiteouts.ts'

/** What is said of a file besides its name and bytes. */
export type Traits = Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs'>

/** Says something, once of a kind. */
export type Warn = (kind: string, message: string) => void

export class Giver {
  readonly #space: AttributeSpace
  readonly #warn: Warn

  /** @param space `trusted` for root of the machine, for whom nothing of this may fail */
  constructor(space: AttributeSpace, warn: Warn) {
    this.#space = space
    this.#warn = warn
  }

  /** Who is not root owns all; in a user namespace some ids do not exist. */
  own({ uid, gid }: Traits, chown: (uid: number, gid: number) => void): void {
    if (this.#space === 'user' && process.geteuid?.() !== 0) return
    try {
      chown(uid, gid)
    } catch (error) {
      if (this.#space === 'trusted') throw error
      this.#warn('owner', `the owner ${uid}:${gid} does not exist here; such files are yours`)
    }
  }

  /** Programs rely on capabilities and on users' own attributes. The others are this kernel's business. */
  attributes({ xattrs }: Traits, set: (name: string, value: Buffer) => void): void {
    for (const [name, value] of xattrs) {
      if (name !== 'security.capability' && (!name.startsWith('user.') || isOverlayAttribute(name))) {
        this.#warn(name, `the attribute ${JSON.stringify(name)} is left out`)
        continue
      }
      try {
        set(name, value)
      } catch (error) {
        const privileged = codeOf(error) === 'EPERM' && this.#space === 'user'
        if (!privileged && codeOf(error) !== 'EOPNOTSUPP') throw error
        this.#warn(name, `the attribute ${name} cannot be set here; it is left out`)
      }
    }
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code
