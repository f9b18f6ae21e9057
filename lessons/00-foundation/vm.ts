/*
 * The smallest virtual machine that there is: QEMU, a kernel, and one program in an initrd. Demo 00 puts it beside a
 * container. The files are those of the workshop's VM, if `npm run vm` has made them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, globSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { seconds } from '#given/patience.ts'
import { project } from '#given/spec.ts'

/** A machine that runs, until it is disposed of. */
export interface VirtualMachine extends AsyncDisposable {
  /** The process that it is on this side. */
  pid: number
  /** How long it took from nothing to its first program, in milliseconds. */
  took: number
  /** Who executes its instructions. */
  accelerator: 'KVM' | 'emulation'
  /** What its first program said of it. */
  facts: Record<string, string>
}

const arm = process.arch === 'arm64'
const QEMU = arm ? 'qemu-system-aarch64' : 'qemu-system-x86_64'
const CONSOLE = arm ? 'ttyAMA0' : 'ttyS0'
const END = 'workshop.show: done'
const KVM_BOOTS_WITHIN = 5 // seconds; one that needs more is one that hangs

/** Boots a virtual machine, or says in a sentence why there is none to boot. */
export async function boot(): Promise<VirtualMachine | string> {
  const places = ['.workshop/vm/*', '.vagrant/machines/*/workshop_qemu'].map((place) => `${project}/${place}`)
  const [kernel] = places.flatMap((place) => globSync(`${place}/vmlinuz`))
  const initrd = kernel?.replace(/vmlinuz$/, 'initrd.img')
  if (!kernel || !initrd || !existsSync(initrd)) return 'there is no kernel for one: npm run vm -- box'
  const folders = (process.env.PATH ?? '').split(delimiter)
  if (!folders.some((folder) => existsSync(join(folder, QEMU)))) return `there is no ${QEMU}: npm run vm -- up`
  // What Vagrant's provider has found out need not be tried again.
  const known = globSync(`${project}/.vagrant/machines/*/workshop_qemu/accelerator`).map((file) =>
    readFileSync(file, 'utf8'),
  )
  if (!usable('/dev/kvm') || known.some((line) => line.startsWith('tcg'))) return start(kernel, initrd, 'emulation')
  const machine = await start(kernel, initrd, 'KVM')
  // On some machines that are virtual themselves KVM is there, and no kernel boots under it.
  return typeof machine === 'string' ? start(kernel, initrd, 'emulation') : machine
}

async function start(
  kernel: string,
  initrd: string,
  accelerator: VirtualMachine['accelerator'],
): Promise<VirtualMachine | string> {
  const kvm = accelerator === 'KVM'
  const cpu = kvm ? 'host' : arm ? 'max' : 'max,-cx16' // as in scripts/vm/provider/driver.rb
  const began = performance.now()
  const qemu = spawn(
    QEMU,
    [
      ...['-machine', arm ? 'virt' : 'q35', '-accel', kvm ? 'kvm' : 'tcg', '-cpu', cpu, '-m', '256'],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-kernel', kernel],
      ...['-initrd', initrd, '-append', `console=${CONSOLE} quiet panic=1 workshop.show`, '-no-reboot'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const limit = setTimeout(() => qemu.kill('SIGKILL'), kvm ? KVM_BOOTS_WITHIN * 1000 : seconds(60))
  const said = await listen(qemu)
  clearTimeout(limit)
  if (!said.includes(END) || qemu.pid === undefined) {
    await end(qemu)
    return `its kernel says nothing of itself; a newer box may: npm run vm -- box`
  }
  const facts = Object.fromEntries([...said.matchAll(/^(\w+)=(.*?)\r?$/gm)].map(([, name, value]) => [name, value]))
  const took = performance.now() - began
  return { pid: qemu.pid, took, accelerator, facts, [Symbol.asyncDispose]: () => end(qemu) }
}

/** What it writes to its console, until it has said all. */
async function listen(qemu: ChildProcess): Promise<string> {
  let said = ''
  qemu.on('error', () => {}) // then it ends at once, having said nothing
  for await (const chunk of qemu.stdout ?? []) {
    said += chunk
    if (said.includes(END)) break
  }
  return said
}

async function end(qemu: ChildProcess): Promise<void> {
  if (qemu.pid === undefined || qemu.exitCode !== null || qemu.signalCode !== null) return
  qemu.kill('SIGKILL')
  await once(qemu, 'exit')
}

function usable(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** What this machine itself is, in a sentence. The workshop's own VM is told by its kernel's command line. */
export function whereAreWe(): string {
  const own = readFileSync('/proc/cmdline', 'utf8').match(/workshop\.accelerator=(\w+)/)?.[1]
  if (own === 'tcg') return 'You are in a virtual machine: QEMU, which emulates each instruction of its CPU.'
  if (own) return `You are in a virtual machine: QEMU, with ${own.toUpperCase()}; its instructions run on the real CPU.`
  const virtual = /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  if (virtual) return 'This is a virtual machine already: its CPU says "hypervisor" in /proc/cpuinfo.'
  return 'This machine does not say whether it is virtual.'
}
