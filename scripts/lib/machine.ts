import { UsageError } from '#given/errors.ts'
import { existsSync, readFileSync } from '#given/fs.ts'

/** Who may run a command: only root, everybody who is not to become root for it, or whoever it is, root if possible. */
export type Who = 'root' | 'anybody' | 'root if possible'

/**
 * Is this a machine on which a learner may play root? Linux, root unless it does without, and itself virtual.
 *
 * @throws {UsageError} that says what is in the way, and the way on
 */
export function requireMachine(here: boolean, who: Who = 'root'): void {
  if (process.platform !== 'linux') {
    const name = process.platform === 'darwin' ? 'macOS' : process.platform === 'win32' ? 'Windows' : process.platform
    throw new UsageError(
      `this is ${name}, and namespaces are Linux's. Work in the workshop's VM:\n  npm run vm -- up, then npm run vm -- ssh, and type the same command in it`,
      1,
    )
  }
  if (!isDisposable(here)) {
    throw new UsageError(
      'this looks like a real machine, not a VM, and you would be root: a mistake in a lesson could harm it.\n' +
        '  Work in the VM (npm run vm -- up, then npm run vm -- ssh), or say that you mean it: --here after --, or WORKSHOP_HERE=1 for all commands',
      1,
    )
  }
  if (process.getuid?.() !== 0 && who !== 'anybody') {
    becomeRoot()
    if (who === 'root if possible') return
    throw new UsageError(
      'this takes root: a lab plays one who may do everything. A container does without: npm run box -- run -- sh\n' +
        '  Become root first: sudo -E env "PATH=$PATH" npm …',
      1,
    )
  }
}

/** Is this a Linux that may be broken, because it is a VM or because somebody says so? */
export function isDisposable(here: boolean): boolean {
  return process.platform === 'linux' && (here || process.env.WORKSHOP_HERE === '1' || isVirtual())
}

/** Goes on as root in this very process, where sudo asks for no password; returns where it would. */
function becomeRoot(): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const { status, stdout } = spawnSync('sh', ['-c', 'sudo -n true && command -v sudo'], { encoding: 'utf8' })
  if (status !== 0 || !process.execve) return
  const { NODE_CHANNEL_FD: _, ...env } = process.env // tsx's, which sudo closes
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  // sudo has a PATH of its own; ours has the pinned Node on it, and may lack root's folders.
  const args = ['sudo', '-n', '-E', 'env', `PATH=${env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`, ...again]
  process.execve(stdout.trim(), args, env)
}

/** Whether a hypervisor runs this kernel: the CPU says so on x86-64, the firmware's tables on either. */
export function isVirtual(): boolean {
  if (/^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return true
  if (existsSync('/sys/hypervisor/type') || existsSync('/proc/device-tree/hypervisor')) return true
  const vendor = ['/sys/class/dmi/id/sys_vendor', '/sys/class/dmi/id/product_name']
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join(' ')
  return /QEMU|KVM|VMware|VirtualBox|innotek|Parallels|Xen|Microsoft|Amazon EC2|Google|Apple Virtualization|Bochs/i.test(
    vendor,
  )
}
