/** A typical mistake: an edit of the reference that its checks must reject. */
export interface Wrong {
  /** What the mistake is, in a few words. */
  name: string
  /** Texts of the reference's file, and what stands in their place. */
  change: [from: string, to: string][]
  /** The check that must fail, by its name or the beginning of it. */
  check: string
  /** Words of the message with which it does. */
  says: RegExp
}
