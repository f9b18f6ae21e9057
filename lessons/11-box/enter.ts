/*
 * Joins a process by a file's `join`, and runs a command there: nsenter(1), with your function. For the checks.
 *
 *     node enter.ts FILE TASK PID NAMESPACE,… CMD …
 *
 * Writes two lines of JSON to descriptor 3: which namespaces are still open after `join`, and the pid of the command.
 */
import { closeOnExec, spawnCommand } from '#given/exec.ts'
import { exitCodeOf, explain } from '#given/explain.ts'
import { readdirSync, readlinkSync, writeSync } from '#given/fs.ts'
import { exitCode, waitpid } from '#given/libc.ts'
import { NAMESPACES } from '#given/proc.ts'
import { quit } from '#given/run.ts'
import { spec } from '#given/spec.ts'
import { importFile } from '#given/stack.ts'
import { setTask } from '#given/tasks.ts'

const REPORT = 3

const [file = '', task, pid, namespaces = '', ...argv] = process.argv.slice(2)
const names = namespaces.split(',')

closeOnExec(REPORT)
try {
  setTask(task)
  const { join } = (await importFile(file)) as { join: (pid: number, namespaces: string[]) => void }
  const early = () => writeSync(2, 'box: join() ended its process\n')
  process.on('exit', early)
  join(Number(pid), names)
  process.off('exit', early)
  // With the container's mounts /proc is its own, and does not know us.
  report({ open: names.includes('mnt') ? [] : openNamespaces() })
  const child = spawnCommand(spec({ argv, rootfs: '/', mechanisms: [] }))
  report({ pid: child })
  quit(exitCode(waitpid(child)?.status ?? 0))
} catch (error) {
  writeSync(2, `box: ${explain(error)}\n`)
  quit(exitCodeOf(error))
}

function report(line: object): void {
  writeSync(REPORT, `${JSON.stringify(line)}\n`)
}

/** The descriptors that keep a namespace open: their links read `uts:[4026532177]`. */
function openNamespaces(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // that of readdir itself
    }
  })
  return links.filter((link) => NAMESPACES.some((kind) => link.startsWith(`${kind}:[`)))
}
