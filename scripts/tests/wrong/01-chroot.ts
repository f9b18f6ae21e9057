import type { Right, Wrong } from './wrong.ts'

const RUNS = '01.1 with these files'
const SCRIPT = '01.1 a script has no libraries'
const JAIL = '01.2 programs run in the jail'
const OUT = '01.5 a second chroot'

export const wrong: Wrong[] = [
  {
    name: 'only the lines with an arrow, so not the loader',
    change: [['(?:=>\\s*)?(\\/\\S+)', '=>\\s*(\\/\\S+)']],
    check: RUNS,
    says: /the loader has no arrow/,
  },
  {
    name: 'the first word of each line',
    change: [['/(?:=>\\s*)?(\\/\\S+)\\s+\\(0x/', '/^\\s*(\\S+)/']],
    check: RUNS,
    says: /a name that is no file/,
  },
  {
    name: 'a library too many',
    change: [
      ["return output.split('\\n').flatMap(", "return ['/etc/passwd'].concat(output.split('\\n').flatMap("],
      ['?.[1] ?? [])', '?.[1] ?? []))'],
    ],
    check: RUNS,
    says: /\/etc\/passwd is not needed/,
  },
  {
    name: 'ldd fails for a script, and so do we',
    change: [["not a dynamic executable')) return []", "no such words')) return []"]],
    check: SCRIPT,
    says: /That is an answer, no error/,
  },
  {
    name: 'an error swallowed',
    change: [['    throw error\n', '    return []\n']],
    check: SCRIPT,
    says: /Do not swallow that/,
  },
  {
    name: 'the binaries without their libraries',
    change: [['[binary, ...libraries(binary)]', '[binary]']],
    check: JAIL,
    says: /ldd\(1\) has the list/,
  },
  {
    name: 'all files in the top folder',
    change: [
      ['join(jail, file)', 'join(jail, basename(file))'],
      ['dirname, join }', 'basename, dirname, join }'],
    ],
    check: JAIL,
    says: /each file belongs to the path where it was/,
  },
  {
    name: 'links copied as links',
    change: [
      ['copyFileSync(file, copy)', 'cpSync(file, copy, { verbatimSymlinks: true, dereference: false })'],
      ['copyFileSync, mkdirSync }', 'cpSync, mkdirSync }'],
    ],
    check: JAIL,
    says: /its links followed/,
  },
  {
    name: 'more than what was asked for',
    change: [
      [
        '  for (const file of new Set',
        "  cpSync('/etc/passwd', join(jail, 'etc/passwd'))\n  for (const file of new Set",
      ],
      ['copyFileSync, mkdirSync }', 'copyFileSync, cpSync, mkdirSync }'],
    ],
    check: JAIL,
    says: /etc/,
  },
  {
    name: 'a folder that must not be there yet',
    change: [['  for (const file of new Set', '  mkdirSync(jail)\n  for (const file of new Set']],
    check: '01.2 a jail can be built again',
    says: /mkdirSync takes \{ recursive: true \}/,
  },
  {
    name: 'a file that must not be there yet',
    change: [['copyFileSync(file, copy)', 'copyFileSync(file, copy, 1)']],
    check: '01.2 a jail can be built again',
    says: /a jail may be there already/,
  },
  {
    name: 'no chroot',
    instead: { enterJail: 'export function enterJail(rootfs: string): void {\n  process.chdir(rootfs)\n}' },
    check: '01.3 only the jail is visible',
    says: /still has the root of the host[\s\S]*chroot\(2\)/,
  },
  {
    name: 'a namespace too many',
    change: [['  flags: 0,', '  flags: 0x20000000, // CLONE_NEWPID']],
    check: '01.3 processes, users and network',
    says: /makes no namespace/,
  },
  {
    name: 'the working directory forgotten',
    change: [["    process.chdir('/') // chroot", '    // chroot']],
    check: '01.4 the working directory',
    says: /chroot\(2\) leaves the working directory where it was, see chdir\(2\)/,
  },
  {
    name: 'the working directory before the root',
    change: [["    enterJail(rootfs)\n    process.chdir('/')", "    process.chdir('/')\n    enterJail(rootfs)"]],
    check: '01.4 chroot(1)',
    says: /cannot say where it is/,
  },
  {
    name: 'chdir to the path that the jail had outside',
    change: [["process.chdir('/')", 'process.chdir(rootfs)']],
    check: '01.4 the working directory',
    says: /after chroot\(2\) the jail is called \//,
  },
  {
    name: 'the escape does not climb',
    change: [["  for (let i = 0; i < 64; i++) process.chdir('..')", '  //']],
    check: OUT,
    says: /climb until there is no more above/,
  },
  {
    name: 'the escape climbs, and does not make that its root',
    change: [["  changeRoot('.')\n", '']],
    check: OUT,
    says: /make that the root/,
  },
  {
    name: 'the escape stands below the new root',
    change: [["changeRoot('way-out')", "changeRoot('way-out')\n  process.chdir('/')"]],
    check: OUT,
    says: /Stand above the root/,
  },
  {
    name: 'the escape hides that it was refused',
    change: [["changeRoot('way-out')", "try { changeRoot('way-out') } catch { return }"]],
    check: '01.5 without CAP_SYS_CHROOT',
    says: /escape\(\) must not hide it/,
  },
]

export const right: Right[] = [
  {
    name: 'the loader asked itself, a shell that copies, chdir before chroot',
    change: [
      ['    enterJail(rootfs)\n', '    process.chdir(rootfs)\n    enterJail(rootfs)\n'],
      ['{ execFileSync }', '{ execFileSync, spawnSync }'],
    ],
    instead: {
      libraries: `
export function libraries(binary: string): string[] {
  const { stdout, stderr, status } = spawnSync('ldd', [binary], { encoding: 'utf8' })
  if (status !== 0 && !/not a dynamic executable/.test(stdout + stderr)) throw new Error(stdout + stderr)
  const files = new Set<string>()
  for (const word of stdout.split(/\\s+/)) if (word.startsWith('/') && !word.endsWith(':')) files.add(word)
  return [...files].sort()
}`,
      buildJail: `
export function buildJail(jail: string, binaries: string[]): void {
  for (const binary of binaries) {
    execFileSync('mkdir', ['-p', jail])
    execFileSync('cp', ['--parents', '--dereference', binary, ...libraries(binary), jail])
  }
}`,
      escape: `
export function escape(): void {
  const folder = 'somewhere-' + process.pid
  mkdirSync(folder)
  changeRoot(folder)
  process.chdir('../'.repeat(100))
  changeRoot('.')
  process.chdir('/')
}`,
    },
  },
  {
    name: 'arrow functions, relative paths, the jail as the working directory',
    change: [
      ['{ copyFileSync, mkdirSync }', '{ copyFileSync, mkdirSync, readdirSync, statSync }'],
      ["process.chdir('/') // chroot", "process.chdir('.') // chroot"],
      [
        'export function enterJail(rootfs: string): void {\n  changeRoot(rootfs)\n}',
        "export const enterJail = (rootfs: string) => {\n  process.chdir(rootfs)\n  changeRoot('.')\n}",
      ],
    ],
    instead: {
      buildJail: `
export const buildJail = (jail: string, binaries: string[]): void => {
  const copy = (file: string) => {
    const place = jail + file
    mkdirSync(dirname(place), { recursive: true, mode: 0o755 })
    copyFileSync(file, place)
  }
  binaries.forEach(copy)
  binaries.flatMap(libraries).forEach(copy)
}`,
      escape: `
export function escape(): void {
  const above = readdirSync('.').length >= 0 ? '..' : '.'
  mkdirSync('/tmp', { recursive: true })
  changeRoot('/tmp')
  let before = ''
  for (;;) {
    const { dev, ino } = statSync('.')
    if (before === dev + ':' + ino) break
    before = dev + ':' + ino
    process.chdir(above)
  }
  changeRoot('.')
}`,
    },
  },
]
