import { readFileSync } from 'node:fs'

/*
 * An emulated machine (QEMU without KVM) is 20 to 100 times slower. What a check demands stays the same there; how
 * long it may take does not.
 */
const EMULATED = 40

/** How many times longer things may take on this machine. WORKSHOP_PATIENCE sets it. */
export function patience(): number {
  const wish = Number(process.env.WORKSHOP_PATIENCE)
  if (wish > 0) return wish
  return readFileSync('/proc/cpuinfo', 'utf8').includes('TCG') ? EMULATED : 1
}

/** A time limit in milliseconds, stretched where the machine is slow. */
export function seconds(n: number): number {
  return n * 1000 * patience()
}
