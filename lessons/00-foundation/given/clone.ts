/*
 * clone(2) from JavaScript. Read this after lesson 09; until then it is enough to know what it does: it starts a
 * process in new namespaces, which waits until we say go, and then becomes the init.
 *
 * The difficulty: a forked child cannot run JavaScript. V8 tells the kernel not to copy its heap to a child
 * (MADV_DONTFORK), and its threads are not copied either. So libc alone has to carry the child from clone(2) to
 * execve(2). It can: makecontext(3) prepares a call of a C function in memory, `uc_link` names the context that
 * follows when that function returns, and setcontext(3) enters one. So we prepare a chain of calls, and clone a child
 * that starts at setcontext. The chain cannot branch and cannot look at a result; that is why it is short.
 */
import { koffi, libc, SyscallError, strerror } from './libc.ts'
import { syscallNumber } from './syscalls.ts'
import { trace } from './trace.ts'
import { ALL, NONE, setMask, undisturbed } from './undisturbed.ts'

/**
 * A C function and its arguments. A string is passed as a C string, an array of strings as a NULL-ended vector, a
 * Uint8Array as the address of its bytes.
 */
export type Call = [name: string, ...args: (number | bigint | string | string[] | Uint8Array)[]]

export interface Child {
  pid: number
  /** Refers to this process and to no later one with the same number: pidfd_open(2). */
  pidfd: number
}

const CLONE_PIDFD = 0x1000
const SIGCHLD = 17

const CONTEXT = 8192 // a ucontext_t is 968 bytes on x86-64 and 4560 on aarch64
const STACK = 32 * 1024
const UC_LINK = 8 // offsets in a ucontext_t, glibc, on both machines
const UC_STACK = 16

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_PRIVATE = 2
const MAP_ANONYMOUS = 0x20
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

const mmap = libc.func('uintptr_t mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)')
const munmap = libc.func('int munmap(uintptr_t addr, size_t length)')
const getcontext = libc.func('int getcontext(void *ucp)')
const makecontext = libc.func('void makecontext(void *ucp, void *fn, int argc, ...)')
const cloneC = libc.func('int clone(void *fn, void *stack, int flags, void *arg, void *parent_tid)')

/**
 * Starts a process in the namespaces that `flags` name. It makes the calls of `chain` one after the other; the last
 * should be an execve. If that fails too, the child ends with 127.
 *
 * Call it on the main thread: PR_SET_PDEATHSIG in the chain is about the thread that called clone, not the process.
 *
 * @param options.unblocked no signal is blocked from its execve(2) on, which becomes a program that would not unblock
 *     them itself. Only where this process handles none: its handlers are there, in the child too, until then
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN, ENOSPC beyond /proc/sys/user/max_*_namespaces, and others
 * @see clone(2), makecontext(3), pidfd_open(2)
 */
export function clone(flags: number, chain: Call[], options: { unblocked?: boolean } = {}): Child {
  const calls: Call[] = [...chain, ['_exit', 127]]
  const memory = new Arena(calls)
  try {
    // A signal that reached the waiting child would run our handlers there, on our event loop's own pipes. Blocked
    // before the contexts are made, since each context carries the signal mask of its birth.
    return undisturbed(() => {
      const first = memory.prepare(calls, options.unblocked)
      const pidfd = new Int32Array(1)
      const number = flags | CLONE_PIDFD | SIGCHLD
      const pid = cloneC(libc.symbol('setcontext'), memory.childStack(), number, first, pidfd)
      const errno = pid === -1 ? koffi.errno() : 0
      trace?.('clone', ['flags'], [number], pid, errno)
      for (const [name, ...args] of pid === -1 ? [] : chain) trace?.(name, [], args, undefined, 0, 'child')
      if (pid === -1) throw new SyscallError('clone', ['flags'], [number], errno, strerror(errno))
      return { pid, pidfd: pidfd[0] ?? -1 }
    })
  } finally {
    memory.free()
  }
}

/** The memory of a chain. From mmap(2), not from V8, or the child would not have it. */
class Arena {
  readonly #size: number
  readonly #base: bigint
  readonly #bytes: Buffer
  readonly #buffers = new Map<Uint8Array, bigint>()
  #used: number

  constructor(calls: Call[]) {
    const strings = calls.flat(2).reduce((n: number, x) => n + (typeof x === 'object' ? x.length : bytes(x)) + 16, 0)
    this.#size = (calls.length + 1) * (CONTEXT + STACK) + strings + 4096
    this.#base = BigInt(mmap(null, this.#size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    if (this.#base === MAP_FAILED)
      throw new SyscallError('mmap', ['length'], [this.#size], koffi.errno(), strerror(koffi.errno()))
    this.#bytes = Buffer.from(koffi.view(this.#base, this.#size))
    this.#used = 0
  }

  /** Lays out a context for each call and returns the address of the first. */
  prepare(calls: Call[], unblocked = false): bigint {
    let next = 0n // after the last one nothing follows
    for (const call of calls.toReversed()) {
      const open = unblocked && call[0] === 'execve'
      if (open) setMask(NONE)
      next = this.#context(call, next)
      if (open) setMask(ALL)
    }
    return next
  }

  #context([name, ...args]: Call, link: bigint): bigint {
    const context = this.#take(CONTEXT)
    const stack = this.#take(STACK)
    getcontext(this.#base + BigInt(context))
    this.#bytes.writeBigUInt64LE(link, context + UC_LINK)
    this.#bytes.writeBigUInt64LE(this.#base + BigInt(stack), context + UC_STACK)
    this.#bytes.writeBigUInt64LE(BigInt(STACK), context + UC_STACK + 16)
    const number = syscallNumber(name)
    const words = args.map((arg) => this.#word(arg))
    if (number !== undefined) words.unshift(BigInt(number))
    const fn = libc.symbol(number === undefined ? name : 'syscall')
    makecontext(this.#base + BigInt(context), fn, words.length, ...words.flatMap((word) => ['uint64', word]))
    return this.#base + BigInt(context)
  }

  #word(value: Call[number]): bigint {
    if (typeof value === 'number' || typeof value === 'bigint') return BigInt.asUintN(64, BigInt(value))
    if (typeof value === 'string') return this.#store(Buffer.from(`${value}\0`))
    if (value instanceof Uint8Array) return this.#shared(value)
    const pointers = [...value.map((text) => this.#word(text)), 0n]
    return this.#store(new Uint8Array(BigUint64Array.from(pointers).buffer))
  }

  /** Memory that several calls of a chain name is one memory: what one writes there the next can read. */
  #shared(memory: Uint8Array): bigint {
    const address = this.#buffers.get(memory) ?? this.#store(memory)
    this.#buffers.set(memory, address)
    return address
  }

  #store(data: Uint8Array): bigint {
    const at = this.#take(data.length)
    this.#bytes.set(data, at)
    return this.#base + BigInt(at)
  }

  #take(length: number): number {
    const at = this.#used
    this.#used += (length + 15) & ~15 // 16 is what a stack and a floating point area want
    return at
  }

  /** The child needs a stack until it has entered the first context; it grows downwards. */
  childStack(): bigint {
    return (this.#base + BigInt(this.#take(STACK) + STACK)) & ~15n
  }

  free(): void {
    munmap(this.#base, this.#size)
  }
}

function bytes(value: number | bigint | string): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0
}
