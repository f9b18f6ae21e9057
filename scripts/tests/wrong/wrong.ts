/** An edit of the reference's file. */
export interface Edit {
  /** Texts of it, each of which is there once, and what stands in their place. */
  change?: [from: string, to: string][]
  /** Whole functions of it, by name, and what stands in their place. */
  instead?: Record<string, string>
}

/** A typical mistake, which the checks must reject. */
export interface Wrong extends Edit {
  /** What the mistake is, in a few words. */
  name: string
  /** The check that must fail, by its name or the beginning of it. */
  check: string
  /** Words of the message with which it does. */
  says: RegExp
}

/** A correct solution in another style, which the checks must accept. */
export interface Right extends Edit {
  /** What is different, in a few words. */
  name: string
}

/**
 * The reference with an edit.
 *
 * @throws where a text or a function is not there, or a text not once only
 */
export function applyEdit(source: string, { change = [], instead = {} }: Edit): string {
  let edited = source
  for (const [from, to] of change) {
    const times = edited.split(from).length - 1
    if (times !== 1) throw new Error(`its text is ${times} times in the reference, not once: ${from}`)
    edited = edited.replace(from, () => to)
  }
  for (const [name, body] of Object.entries(instead)) {
    const old = new RegExp(`^(export )?function ${name}\\b[^]*?^}\\n`, 'm')
    if (!old.test(edited)) throw new Error(`the reference has no function ${name}`)
    edited = edited.replace(old, () => `${body.trim()}\n`)
  }
  return edited
}
