export type Key = 'on' | 'quit'

const ON = ['\r', '\n', ' ']
const QUIT = ['q', 'Q', '\u0003', '\u0004'] // in raw mode Ctrl-C is a key like any other

/** Waits for Enter or the space bar, or for q, Ctrl-C or Ctrl-D. The terminal is as before afterwards. */
export function pressKey(prompt: string): Promise<Key> {
  const { stdin, stdout } = process
  stdout.write(prompt)
  stdin.setRawMode(true)
  stdin.resume()
  return new Promise((resolve) => {
    const done = (key: Key) => {
      stdin.off('data', listen)
      stdin.off('end', quit)
      stdin.setRawMode(false)
      stdin.pause()
      stdout.write('\r\x1b[K')
      resolve(key)
    }
    const quit = () => done('quit')
    const listen = (data: Buffer) => {
      const [key] = data.toString()
      if (key && ON.includes(key)) done('on')
      if (key && QUIT.includes(key)) quit()
    }
    stdin.on('data', listen)
    stdin.on('end', quit)
  })
}
