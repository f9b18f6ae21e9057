/*
 * A filter of system calls: seccomp(2). The kernel runs a small program before each call, with the call's number and
 * arguments to look at, and the program says yes, or which errno. It is written for the machine of BPF in its classic
 * form, which has one register, and jumps forward only: bpf(4).
 */
import { atLast } from '../exec.ts'
import { bind, koffi } from '../libc.ts'
import type { Spec } from '../mechanism.ts'
import { CLONE, CLONE3, NEWEST, refused } from './calls.ts'

type Instruction = [code: number, k: number, ifTrue?: number, ifFalse?: number]

const LOAD = 0x20 // BPF_LD | BPF_W | BPF_ABS: 32 bits of struct seccomp_data into the register
const EQUAL = 0x15 // BPF_JMP | BPF_JEQ | BPF_K: how many instructions to skip if so, and if not
const GREATER = 0x25 // BPF_JMP | BPF_JGT | BPF_K
const ANY_BIT = 0x45 // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06 // BPF_RET | BPF_K

// struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]
const NR = 0
const ARCH = 4
const FIRST_ARGUMENT = 16 // its lower half: both machines are little-endian

const ALLOW = 0x7fff0000 // SECCOMP_RET_ALLOW
const errno = (number: number) => 0x00050000 | number // SECCOMP_RET_ERRNO
const EPERM = errno(1)
const ENOSYS = errno(38)

const AUDIT_ARCH = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e
const NEW_NAMESPACES = 0x7e020000 // the seven CLONE_NEW… that clone(2) knows

/** The program for a container with these capabilities. */
export function assemble(capabilities: readonly string[]): Instruction[] {
  return [
    [LOAD, ARCH],
    [EQUAL, AUDIT_ARCH, 1, 0],
    [RETURN, ENOSYS], // 32-bit calls have other numbers, so they would pass the list below
    [LOAD, NR],
    [GREATER, NEWEST, 0, 1],
    [RETURN, ENOSYS], // came after the list, or belongs to the x32 machine; programs then try the older call
    ...refused(capabilities).flatMap((call): Instruction[] => [
      [EQUAL, call, 0, 1],
      [RETURN, EPERM],
    ]),
    ...(capabilities.includes('SYS_ADMIN') ? [] : noNamespaces),
    [RETURN, ALLOW],
  ]
}

/** A user namespace would bring all capabilities, and much of the kernel within reach. */
const noNamespaces: Instruction[] = [
  [EQUAL, CLONE3, 0, 1],
  [RETURN, ENOSYS], // its flags are in memory, where a filter cannot look; libc then tries clone
  [EQUAL, CLONE, 0, 3],
  [LOAD, FIRST_ARGUMENT],
  [ANY_BIT, NEW_NAMESPACES, 0, 1],
  [RETURN, EPERM],
]

const seccomp = bind('int seccomp(unsigned int operation, unsigned int flags, void *args)')
const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_TSYNC = 1 // for all threads: Node has some, and with --init it stays

/**
 * Has the container's system calls filtered, from the last moment before its command on. There is no way back. Not where
 * new privileges are allowed: then it takes SYS_ADMIN, or one could fool a setuid program with a filter.
 */
export function filterCalls({ privileges }: Spec): void {
  const { seccomp, newPrivileges, capabilities } = privileges
  if (seccomp && !newPrivileges) atLast(() => install(assemble(capabilities)))
}

/** @throws {SyscallError} EACCES without no_new_privs */
function install(program: Instruction[]): void {
  const memory = koffi.alloc('uint8', program.length * 8)
  const code = Buffer.from(koffi.view(memory, program.length * 8))
  for (const [i, [operation, k, ifTrue = 0, ifFalse = 0]] of program.entries()) {
    code.writeUInt16LE(operation, i * 8)
    code.writeUInt8(ifTrue, i * 8 + 2)
    code.writeUInt8(ifFalse, i * 8 + 3)
    code.writeUInt32LE(k, i * 8 + 4)
  }
  const filter = BigUint64Array.of(BigInt(program.length), koffi.address(memory)) // struct sock_fprog: u16 len, a pointer
  const left = seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, filter)
  if (left !== 0) throw new Error(`seccomp(2): thread ${left} has a filter of its own and cannot take this one`)
  koffi.free(memory) // the kernel has its own copy
}
