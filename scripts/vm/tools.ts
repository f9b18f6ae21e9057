import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { quietly, step } from './steps.ts'

export const arch = process.arch === 'arm64' ? 'arm64' : 'amd64'
const qemu = arch === 'arm64' ? 'aarch64' : 'x86_64'

/** What a machine of ours takes: each program, Debian's package of it, Homebrew's. */
export const TO_RUN = {
  vagrant: ['vagrant', '--cask vagrant'],
  rsync: ['rsync', 'rsync'],
  ssh: ['openssh-client', 'openssh'],
  [`qemu-system-${qemu}`]: [arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86', 'qemu'],
  'qemu-img': ['qemu-utils', 'qemu'],
}

/** And what building its box takes besides, on a Debian or an Ubuntu. Who is not root maps a range of ids. */
export const toBuild = (uid = process.getuid?.()) => ({
  mmdebstrap: ['mmdebstrap'],
  'mkfs.ext4': ['e2fsprogs'],
  'qemu-img': ['qemu-utils'],
  'ssh-keygen': ['openssh-client'],
  xz: ['xz-utils'],
  ...(uid === 0 ? {} : { newuidmap: ['uidmap'] }),
})

type Tools = Record<string, string[]>

/** Where a program is, with the folders that users' PATH often lacks. */
export function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/opt/homebrew/bin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The machine that is asked: this one, unless a test shows another. */
interface Asked {
  platform: NodeJS.Platform
  uid: number
  find(program: string): string | undefined
}
const here: Asked = { platform: process.platform, uid: process.getuid?.() ?? 0, find }

/** The programs that are missing, and the command that brings them. */
export function missing(tools: Tools, host = here): { programs: string[]; command: string } | undefined {
  const programs = Object.keys(tools).filter((name) => !host.find(name))
  if (programs.length === 0) return undefined
  const packages = (column: number) => [...new Set(programs.map((name) => tools[name]?.[column] ?? name))].join(' ')
  if (host.platform === 'darwin') return { programs, command: `brew install ${packages(1)}` }
  const sudo = host.uid === 0 ? '' : 'sudo '
  const apt = `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${packages(0)}`
  return { programs, command: host.find('apt-get') ? apt : `(your package manager) ${packages(0)}` }
}

/**
 * Installs what is missing where we may: root on a Debian.
 *
 * @param under the program that apt-get is run by, and its arguments
 * @throws {UsageError} with the command, elsewhere
 */
export async function ensure(tools: Tools, under: string[] = []): Promise<void> {
  const lack = missing(tools)
  if (!lack) return
  if (process.getuid?.() !== 0 || !find('apt-get')) {
    throw new UsageError(`these programs are missing: ${lack.programs.join(', ')}. Install them:\n  ${lack.command}`, 1)
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const [program = '', ...args] = [...under, 'sh', '-c', lack.command]
  await step(`Installing ${lack.programs.join(', ')}`, 40, () => quietly(program, args, { env }))
}

/** What a program prints, or nothing when it fails. */
export function ask(program: string, ...args: string[]): string {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}
