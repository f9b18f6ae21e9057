/*
 * v2 has no files for devices. Instead one hangs a program on the group, and the kernel runs it whenever somebody in
 * there opens a device or makes a node: it answers 1, yes, or 0, EPERM. The program is eBPF, the machine code of a
 * small virtual processor; this file is its assembler.
 *
 * bpf(2), Documentation/bpf/standardization/instruction-set.rst of the kernel
 */
import { closeSync, openSync } from '../fs.ts'
import { bind, koffi } from '../libc.ts'
import { undisturbed } from '../undisturbed.ts'
import { ALLOWED, type Rule } from './devices.ts'

const bpf = bind('int bpf(int cmd, void *attr, unsigned int size)')

const BPF_PROG_LOAD = 5
const BPF_PROG_ATTACH = 8
const BPF_PROG_TYPE_CGROUP_DEVICE = 15
const BPF_CGROUP_DEVICE = 6
const BPF_F_ALLOW_MULTI = 2 // programs of the groups above go on to be asked

/** Keeps all processes of a group from all devices but those that a container gets. It goes when the group goes. */
export function restrictDevices(cgroup: string, rules = ALLOWED): void {
  const program = load(assemble(rules))
  const folder = openSync(cgroup, 'r')
  try {
    bpf(BPF_PROG_ATTACH, Uint32Array.of(folder, program, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI), 16)
  } finally {
    closeSync(folder)
    closeSync(program)
  }
}

/** Hands a program to the kernel, whose verifier proves that it ends and reads nothing else. Returns a descriptor. */
function load(program: Uint8Array): number {
  const license = Buffer.from('GPL\0')
  const attr = new BigUint64Array(16) // union bpf_attr, as far as this command goes
  attr[0] = BigInt(BPF_PROG_TYPE_CGROUP_DEVICE) | (BigInt(program.length / 8) << 32n)
  attr[1] = koffi.address(program)
  attr[2] = koffi.address(license)
  return undisturbed(() => bpf(BPF_PROG_LOAD, attr, attr.byteLength)) // a signal stops the verifier: EAGAIN
}

// Registers. The kernel calls with r1 at struct bpf_cgroup_dev_ctx, 32 bits each: access and type, major, minor.
const [ANSWER, CONTEXT, TYPE, ACCESS, MAJOR, MINOR] = [0, 1, 2, 3, 4, 5]
const TYPES = { b: 1, c: 2 }
const BITS = { m: 1, r: 2, w: 4 }

type Code = number[]

/** For each rule: does it fit? Then 1, else on to the next; after the last one 0. */
export function assemble(rules: Rule[]): Uint8Array {
  const start = [
    load32(TYPE, CONTEXT, 0),
    copy(ACCESS, TYPE),
    and(TYPE, 0xffff),
    shiftRight(ACCESS, 16),
    load32(MAJOR, CONTEXT, 4),
    load32(MINOR, CONTEXT, 8),
  ]
  return Uint8Array.from([...start, ...rules.flatMap(rule), set(ANSWER, 0), exit].flat())
}

function rule({ type, major, minor, access }: Rule): Code[] {
  const allowed = [...access].reduce((bits, letter) => bits | BITS[letter as keyof typeof BITS], 0)
  const yes = [set(ANSWER, 1), exit]
  let code: Code[] = yes
  if (minor !== '*') code = [skipUnless(MINOR, minor, code.length), ...code]
  if (major !== '*') code = [skipUnless(MAJOR, major, code.length), ...code]
  code = [copy(CONTEXT, ACCESS), and(CONTEXT, ~allowed), skipUnless(CONTEXT, 0, code.length), ...code]
  return [skipUnless(TYPE, TYPES[type], code.length), ...code]
}

/** An instruction: 8 bits of code, 4 and 4 of registers, 16 of offset, 32 of a constant. */
function instruction(code: number, to: number, from: number, offset: number, constant: number): Code {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt8(code, 0)
  bytes.writeUInt8(to | (from << 4), 1)
  bytes.writeInt16LE(offset, 2)
  bytes.writeInt32LE(constant, 4)
  return [...bytes]
}

const load32 = (to: number, from: number, offset: number) => instruction(0x61, to, from, offset, 0)
const copy = (to: number, from: number) => instruction(0xbf, to, from, 0, 0)
const set = (to: number, constant: number) => instruction(0xb7, to, 0, 0, constant)
const and = (to: number, constant: number) => instruction(0x57, to, 0, 0, constant)
const shiftRight = (to: number, bits: number) => instruction(0x77, to, 0, 0, bits)
const skipUnless = (register: number, constant: number, count: number) =>
  instruction(0x55, register, 0, count, constant)
const exit = instruction(0x95, 0, 0, 0, 0)
