import { closeSync } from 'node:fs'
import { bind } from './libc.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SIOCSIFFLAGS = 0x8914
const IFF_UP = 1

const socket = bind('int socket(int domain, int type, int protocol)')
const ioctl = bind('int ioctl(int fd, unsigned long op, void *argp)')

/** Brings the loopback interface of this network namespace up; a new one has it down: netdevice(7). */
export function loopbackUp(): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0)
  const request = Buffer.alloc(40) // struct ifreq: 16 bytes of name, then a union; here short ifr_flags
  request.write('lo')
  request.writeInt16LE(IFF_UP, 16)
  ioctl(fd, SIOCSIFFLAGS, request)
  closeSync(fd)
}
