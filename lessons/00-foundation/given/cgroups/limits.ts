/** How much a container may take; what is not named is not limited. */
export interface Limits {
  /** In bytes. */
  memory?: number
}

export const LIMITS: Limits = {}
