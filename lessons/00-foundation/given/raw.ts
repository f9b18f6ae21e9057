/*
 * A terminal in raw mode, termios(3): every byte goes through as it is, both ways. Node's setRawMode() does that for what
 * is typed. In what is printed it leaves a carriage return before each newline, and an editor in the container, which has
 * switched that off in there and moves down a line by a newline, would be drawn all over the place.
 */
import { bind } from './libc.ts'

const TERMIOS = 60 // bytes of a struct termios
const TCSANOW = 0

const tcgetattr = bind('int tcgetattr(int fd, void *termios_p)')
const tcsetattr = bind('int tcsetattr(int fd, int optional_actions, const void *termios_p)')
const cfmakeraw = bind('void cfmakeraw(void *termios_p)')

/**
 * Makes a terminal raw.
 *
 * @returns a function that makes it what it was
 */
function makeRaw(fd: number): () => void {
  const before = new Uint8Array(TERMIOS)
  tcgetattr(fd, before)
  const raw = Uint8Array.from(before)
  cfmakeraw(raw)
  tcsetattr(fd, TCSANOW, raw)
  return () => {
    try {
      tcsetattr(fd, TCSANOW, before)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EIO') throw error // it was closed: there is nothing to restore
    }
  }
}

/**
 * Makes it raw and keeps it so: whoever had the terminal while we were stopped has set it his way.
 *
 * @returns a function that makes it what it was
 */
export function keepRaw(fd: number): () => void {
  const restore = makeRaw(fd)
  const again = () => void makeRaw(fd)
  process.on('SIGCONT', again)
  return () => {
    process.removeListener('SIGCONT', again)
    restore()
  }
}
