/*
 * IPv4 addresses as numbers, so that one can count them: 10.213.0.2 is 0x0ad50002.
 */

/** A range of addresses that share their first `prefix` bits. */
export interface Subnet {
  first: number
  prefix: number
}

/** The number of an address, NaN where it is none. */
export function toNumber(address: string): number {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return Number.NaN
  const bytes = address.split('.').map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes.reduce((number, byte) => number * 256 + byte, 0) : Number.NaN
}

export const toBytes = (n: number): number[] => [24, 16, 8, 0].map((bits) => (n >>> bits) & 0xff)
export const toText = (n: number): string => toBytes(n).join('.')

/** How many addresses a subnet has, the first and the last included, which no machine may have. */
export const sizeOf = ({ prefix }: Subnet): number => 2 ** (32 - prefix)

/** Reads `10.213.0.0/24`; undefined where it is no subnet, or names an address in the midst of one. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', bits = ''] = text.split('/')
  const subnet = { first: toNumber(address), prefix: /^\d{1,2}$/.test(bits) ? Number(bits) : Number.NaN }
  const valid = subnet.prefix <= 32 && subnet.first % sizeOf(subnet) === 0
  return valid ? subnet : undefined
}

export const formatSubnet = ({ first, prefix }: Subnet): string => `${toText(first)}/${prefix}`

export const contains = (subnet: Subnet, address: number): boolean =>
  address >= subnet.first && address < subnet.first + sizeOf(subnet)

/** Two subnets overlap where one contains the other: they cannot cross halfway. */
export const overlap = (a: Subnet, b: Subnet): boolean => contains(a, b.first) || contains(b, a.first)
