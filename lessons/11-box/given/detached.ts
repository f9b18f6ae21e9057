/*
 * The engine of a container that is kept: starts it for the supervisor, which is its parent and ours, and ends.
 *
 *     node detached.ts FOLDER
 */
import { start } from '#given/engine.ts'
import { closeOnExec, unblockSignals } from '#given/exec.ts'
import { closeSync, openSync, readFileSync, writeSync } from '#given/fs.ts'
import { PR_SET_PDEATHSIG, prctl } from '#given/libc.ts'
import type { Container } from '#given/mechanism.ts'
import { failure, quit } from '#given/run.ts'
import { engine, enter, leave, sweep } from '#given/running.ts'
import { readKept } from './kept.ts'
import { copy, record, stdinOf } from './streams.ts'
import { EXIT, REPORT, type Report, SUPERVISOR } from './supervisor.ts'

const SIGKILL = 9

closeSync(EXIT) // the lock on it is the supervisor's alone
prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) // without a supervisor there is to be no container
if (readFileSync(`/proc/${process.ppid}/comm`, 'utf8') !== `${SUPERVISOR}\n`) process.exit(1) // it was killed before that
closeOnExec(REPORT)
unblockSignals()

const [folder = ''] = process.argv.slice(2)
const container = readKept(folder)
if (!container) throw new Error(`there is no container in ${folder}`)
const result = await startFor(engine(process.ppid))
report(result)
quit('error' in result ? 1 : 0) // state.ts reads it

/** Starts the container for who will wait for it. */
async function startFor(supervisor: ReturnType<typeof engine>): Promise<Report> {
  const { spec, layers } = container?.order ?? ({} as never)
  let entered: Container | undefined
  try {
    await sweep()
    const exists = (one: Container) => {
      enter(one, layers, supervisor)
      entered = one
    }
    const { container, console } = await start(spec, layers, { sibling: true, exists })
    if (console !== undefined) keepTerminal(console)
    return { pid: container.pid }
  } catch (error) {
    if (entered) leave(entered)
    const { text, code } = await failure(error, spec)
    return { error: text, code }
  }
}

/**
 * Somebody must hold the master of a terminal and carry what goes through: cat(1), once for each way. The one that
 * types ends with the supervisor, who has the only writing end of its FIFO that always is open; the other with the terminal.
 */
function keepTerminal(master: number): void {
  const typed = openSync(stdinOf(folder), 'r')
  copy(typed, master)
  record(master, folder)
}

function report(what: Report): void {
  try {
    writeSync(REPORT, `${JSON.stringify(what)}\n`)
  } catch {
    // EPIPE: who started us was killed. The container runs
  }
}
