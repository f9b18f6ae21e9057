/*
 * The two programs that set up networks on Linux, for use by a program: ip(8) as a process, nft(8) as a library.
 */
import { UsageError } from '../errors.ts'
import { koffi } from '../libc.ts'
import { trace } from '../trace.ts'
import { undisturbed } from '../undisturbed.ts'
import { runProgram } from './spawn.ts'

const ALONE = 'A container without a network of its host needs none of this: --net none'

/**
 * Runs lines of ip(8), such as `link set lo up`, all in one process: `ip -batch -`.
 *
 * @throws {Error} with the line that failed, and what ip(8) said
 */
export function ip(...lines: string[]): void {
  const ended = runProgram(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  if (!ended) throw new UsageError(`ip(8) is missing: apt-get install iproute2\n  ${ALONE}`, 125)
  const { code, stderr } = ended
  trace?.('ip', [], lines, code)
  if (code === 0) return
  const failed = lines[Number(stderr.match(/^Command failed -:(\d+)/m)?.[1]) - 1] ?? lines.join('; ')
  const said = stderr.replace(/^Command failed.*\n/gm, '').trim()
  throw new Error(`ip ${failed}: ${said}${hint(said)}`)
}

function hint(said: string): string {
  if (said.includes('Unknown device type')) return `\n  This kernel has no such device. ${ALONE}`
  if (said.includes('Operation not permitted')) return '\n  It is for root, in the user namespace of the host'
  return ''
}

/**
 * Gives a ruleset to the kernel, as `nft -f -` does: all of it, or nothing. libnftables(3) is nft without a process.
 *
 * @throws {Error} with what nft(8) would have said
 */
export function nft(ruleset: string): void {
  const library = nftables()
  const context = library.create(0)
  try {
    library.bufferErrors(context)
    // It does not wait again for the kernel's answer where a signal ended its select(2), and gives no reason.
    const result: number = undisturbed(() => library.run(context, ruleset))
    trace?.('nft', [], [ruleset.trim().replace(/\s+/g, ' ')], result)
    if (result !== 0) throw new Error(`nft: ${complaint(library.errors(context))}`)
  } finally {
    library.free(context)
  }
}

/** What went wrong, without the line of the ruleset that nft(8) quotes: of several, it quotes a wrong one. */
function complaint(said: string): string {
  const lines = said.split('\n').filter((line) => line.startsWith('Error: '))
  return [...new Set(lines.map((line) => line.slice('Error: '.length)))].join('; ')
}

function nftables() {
  try {
    const library = koffi.load('libnftables.so.1')
    return {
      create: library.func('void *nft_ctx_new(unsigned int flags)'),
      bufferErrors: library.func('int nft_ctx_buffer_error(void *ctx)'),
      run: library.func('int nft_run_cmd_from_buffer(void *ctx, const char *buf)'),
      errors: library.func('const char *nft_ctx_get_error_buffer(void *ctx)'),
      free: library.func('void nft_ctx_free(void *ctx)'),
    }
  } catch (error) {
    const why = (error as Error).message
    throw new UsageError(`nftables cannot be used: ${why}. apt-get install nftables\n  ${ALONE}`, 125)
  }
}
