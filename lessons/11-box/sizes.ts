/*
 * Two terminals, and a file's `consoleSize` from the first to the second. For the checks.
 *
 *     node sizes.ts FILE TASK '[[rows, columns, x, y], …]'
 *
 * Writes what became of both to descriptor 3, a line of JSON for each size.
 */
import { spawnSync } from 'node:child_process'
import { openTerminal } from '#given/console.ts'
import { toData } from '#given/errors.ts'
import { writeSync } from '#given/fs.ts'
import { ioctl } from '#given/net/ioctl.ts'
import { importFile } from '#given/stack.ts'
import { setTask } from '#given/tasks.ts'

/** What became of two terminals. */
export interface Sizes {
  from: number[]
  to: number[]
  /** What stty(1) says of the second. */
  stty: string
}

const REPORT = 3
const TIOCGWINSZ = 0x5413
const TIOCSWINSZ = 0x5414

if (import.meta.main) {
  const [file = '', task, sizes = '[]'] = process.argv.slice(2)
  try {
    setTask(task)
    const { consoleSize } = (await importFile(file)) as { consoleSize: (from: number, to: number) => void }
    const [yours, theirs] = [openTerminal({ rows: 24, columns: 80 }), openTerminal({ rows: 24, columns: 80 })]
    for (const size of JSON.parse(sizes)) {
      ioctl(yours.slave, TIOCSWINSZ, Uint16Array.from(size))
      consoleSize(yours.slave, theirs.master)
      const { stdout } = spawnSync('stty', ['size'], { stdio: [theirs.slave, 'pipe', 'inherit'], encoding: 'utf8' })
      report({ from: read(yours.slave), to: read(theirs.slave), stty: stdout.trim() } satisfies Sizes)
    }
  } catch (error) {
    report({ error: toData(error) })
  }
}

function read(fd: number): number[] {
  const winsize = new Uint16Array(4)
  ioctl(fd, TIOCGWINSZ, winsize)
  return [...winsize]
}

function report(line: object): void {
  writeSync(REPORT, `${JSON.stringify(line)}\n`)
}
