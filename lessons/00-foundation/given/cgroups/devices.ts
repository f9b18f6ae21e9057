/*
 * What a container may do to which device, whoever made the node: Docker's rules. With CAP_MKNOD root may make a node
 * of any disk; this is what keeps him from opening it.
 */
export interface Rule {
  /** Character or block device. */
  type: 'c' | 'b'
  major: number | '*'
  minor: number | '*'
  /** Of r(ead), w(rite), m(knod). */
  access: string
}

const device = (major: number, minor: number | '*'): Rule => ({ type: 'c', major, minor, access: 'rwm' })

export const ALLOWED: Rule[] = [
  { type: 'c', major: '*', minor: '*', access: 'm' }, // a node alone does no harm
  { type: 'b', major: '*', minor: '*', access: 'm' },
  device(1, 3), // null
  device(1, 5), // zero
  device(1, 7), // full
  device(1, 8), // random
  device(1, 9), // urandom
  device(5, 0), // tty
  device(5, 1), // console
  device(5, 2), // ptmx
  device(136, '*'), // pts/0, pts/1, …
  device(10, 200), // net/tun
]
