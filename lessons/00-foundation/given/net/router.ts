/*
 * What the host does for containers as a router, apart from the rules of each.
 */
import { existsSync, readFileSync, writeFileSync } from '../fs.ts'
import { BRIDGE } from './connect.ts'
import { LEASES } from './leases.ts'
import { nft } from './tools.ts'

/** The nftables table with the rules that are about all containers. */
export const GUARD = 'workshop'

const FORWARD = '/proc/sys/net/ipv4/ip_forward'
const WAS_OFF = `${LEASES}/was-no-router`

/**
 * Makes the host a router, which passes on what is not for itself. The last container to go switches that off again.
 *
 * @see ip(7), ip_forward
 */
export function becomeRouter(): void {
  if (readFileSync(FORWARD, 'utf8').trim() !== '0') return
  writeFileSync(WAS_OFF, '')
  writeFileSync(FORWARD, '1')
}

/** Undoes `becomeRouter`. */
export function ceaseRouter(): void {
  if (existsSync(WAS_OFF)) writeFileSync(FORWARD, '0')
}

/**
 * Lets the host's own 127.0.0.1 lead to a published port, and nobody the other way: without the guard, what a
 * container sends to 127.0.0.1 by way of the bridge would reach the host's own programs (CVE-2020-8558). And who knows
 * a way to the subnet reaches what is published there, and nothing else.
 */
export function guardBridge(): void {
  writeFileSync(`/proc/sys/net/ipv4/conf/${BRIDGE}/route_localnet`, '1')
  nft(`
    table ip ${GUARD} {
      chain loopback {
        type filter hook prerouting priority raw
        iifname "${BRIDGE}" ip daddr 127.0.0.0/8 drop
      }
      chain unpublished {
        type filter hook forward priority filter
        iifname != "${BRIDGE}" oifname "${BRIDGE}" ct state new ct status ! dnat drop
      }
    }`)
}
