const PATIENCE = 1000

/**
 * Makes a call that wants to be made again if something of no importance came between, and says so by EAGAIN: to
 * bpf(2) a signal, to openat2(2) that somebody on this machine renamed a folder.
 *
 * @throws {SyscallError} any other error at once; EAGAIN, if after a thousand times it is still the answer
 */
export function again<T>(call: () => T): T {
  for (let tries = 1; ; tries++) {
    try {
      return call()
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN' || tries === PATIENCE) throw error
    }
  }
}
