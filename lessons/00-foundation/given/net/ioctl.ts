/*
 * Interfaces by system call, as ifconfig(8) and route(8) do it: netdevice(7). The younger way is a netlink socket,
 * rtnetlink(7), and ip(8) takes that one.
 */
import { closeSync } from '../fs.ts'
import { bind } from '../libc.ts'

/** socket(2). */
export const socket = bind('int socket(int domain, int type, int protocol)')
/** ioctl(2). What `argp` points to depends on `op`. */
export const ioctl = bind('int ioctl(int fd, unsigned long op, void *argp)')

export const AF_INET = 2
export const SOCK_DGRAM = 2

export const SIOCADDRT = 0x890b
export const SIOCGIFFLAGS = 0x8913
export const SIOCSIFFLAGS = 0x8914
export const SIOCSIFADDR = 0x8916
export const SIOCSIFNETMASK = 0x891c

export const IFF_UP = 0x1
const RTF_UP = 0x1
const RTF_GATEWAY = 0x2

const IFREQ = 40 // struct ifreq: 16 bytes of name, then a union; here a struct sockaddr
const RTENTRY = 120 // struct rtentry, on 64-bit machines

/**
 * Gives an interface an address: `ip address add 10.213.0.2/24 dev eth0`.
 *
 * @throws {SyscallError} ENODEV where there is no such interface
 * @see netdevice(7), SIOCSIFADDR and SIOCSIFNETMASK
 */
export function setAddress(name: string, address: string, prefix: number): void {
  const mask = [0, 8, 16, 24].map((from) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - from))))
  for (const [op, bytes] of [
    [SIOCSIFADDR, address.split('.').map(Number)],
    [SIOCSIFNETMASK, mask],
  ] as const) {
    const request = Buffer.alloc(IFREQ)
    request.write(name)
    request.set(sockaddr(bytes), 16)
    ask(op, request)
  }
}

/**
 * Sends all that is not for a neighbour to `gateway`: `ip route add default via 10.213.0.1`.
 *
 * @throws {SyscallError} ENETUNREACH where the gateway is no neighbour, as while the interface is down
 * @see route(8), SIOCADDRT
 */
export function addDefaultRoute(gateway: string): void {
  const request = Buffer.alloc(RTENTRY)
  request.set(sockaddr([0, 0, 0, 0]), 8) // to any address,
  request.set(sockaddr(gateway.split('.').map(Number)), 24)
  request.set(sockaddr([0, 0, 0, 0]), 40) // since no bit has to match
  request.writeUInt16LE(RTF_UP | RTF_GATEWAY, 56)
  ask(SIOCADDRT, request)
}

function ask(op: number, request: Buffer): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0)
  try {
    ioctl(fd, op, request)
  } finally {
    closeSync(fd)
  }
}

/** struct sockaddr_in: family, port, address in network byte order: ip(7). */
function sockaddr(address: number[]): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(AF_INET)
  bytes.set(address, 4)
  return bytes
}
