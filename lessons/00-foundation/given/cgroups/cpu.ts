/** In microseconds: after each such time a container gets its CPU time anew. Both versions have it so unless told. */
export const PERIOD = 100_000

/**
 * v2's `cpu.weight`, 1 to 10000 with 100 as the normal, for v1's `cpu.shares`, 2 to 262144 with 1024 as the normal.
 *
 * Three formulas are in use. Kubernetes, runc and crun had a straight line from one range to the other, by which the
 * normal container got 39 and lost to the host's other groups, which have 100. Since 2025 they have a curve through
 * 1024 and 100, which gives 1024 and 256 the weights 100 and 35: no longer 4 to 1. systemd's is a rule of three, and
 * keeps both the normal and every proportion, as long as it stays in the range. So this one.
 */
export function weightOf(shares: number): number {
  return Math.min(10000, Math.max(1, Math.round((shares * 100) / 1024)))
}
