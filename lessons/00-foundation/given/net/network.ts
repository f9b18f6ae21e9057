/** What a container's network is to be. Plain data, as the whole spec. */
export interface Network {
  /** `bridge`: a cable to a bridge of the host. `none`: loopback only. `host` means no `net` mechanism at all. */
  mode: 'bridge' | 'none'
}

export const NETWORK: Network = { mode: 'none' }
