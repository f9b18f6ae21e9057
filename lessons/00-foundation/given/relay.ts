/*
 * Between your terminal and the container's: what you type goes to its master, what comes from there to you. Yours is
 * made raw meanwhile, termios(3): the container's own line discipline echoes and makes signals, and must get Ctrl-C as
 * a mere byte.
 */
import { ReadStream } from 'node:tty'
import type { Running } from './engine.ts'
import { isatty } from './libc.ts'
import { keepRaw } from './raw.ts'
import { flushed } from './run.ts'
import { importFile, layer } from './stack.ts'

/** What lesson 11 writes of it. */
type ConsoleSize = (from: number, to: number) => void

const END_OF_INPUT = '\x04' // Ctrl-D, which the line discipline makes an end of file

/** Carries both ways until the container has ended; its exit code. */
export async function relay(running: Running, tools = layer('box', 'solutions').file): Promise<number> {
  const end = await connect(running.console ?? -1, tools)
  const code = await running.wait()
  await end()
  return code
}

/**
 * Connects this process's terminal, or whatever its standard streams are, with a master.
 *
 * @returns a function that gives all back, once the last of the output is through
 */
export async function connect(master: number, tools: string): Promise<() => Promise<void>> {
  const { consoleSize } = (await importFile(tools)) as { consoleSize: ConsoleSize }
  const { stdin, stdout } = process
  const terminal = new ReadStream(master)
  const through = new Promise<void>((resolve) => {
    terminal.on('close', resolve)
    terminal.on('error', () => terminal.destroy()) // EIO: the last one who had the slave has closed it
  })
  stdout.on('error', () => terminal.destroy()) // EPIPE: who read it has gone, and the terminal hangs up
  terminal.pipe(stdout, { end: false })
  stdin.on('data', (data) => terminal.write(data))
  stdin.on('end', () => terminal.writable && terminal.write(END_OF_INPUT))
  const resize = () => consoleSize(0, master)
  let restore = () => {}
  if (isatty(0)) {
    resize()
    restore = keepRaw(0)
    process.on('SIGWINCH', resize)
  }
  return async () => {
    await through
    process.removeListener('SIGWINCH', resize)
    restore()
    stdin.destroy()
    await flushed()
  }
}
