/*
 * The box: Debian from its packages, a second disk with Node and the packages of the lockfile, the key of this build,
 * in one file that needs no network and can be handed on.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { project } from '../lib/lessons.ts'
import { mirrors } from './mirrors.ts'
import { quietly, startLog, step, vmFolder } from './steps.ts'
import { arch, ask, ensure, find, toBuild } from './tools.ts'

const recipe = join(project, 'scripts', 'vm', 'box')
/** The guest's npm, since node-linux-* brings Node alone: name, version, integrity. */
const [, NPM = '', NPM_INTEGRITY] = readFileSync(join(recipe, 'npm'), 'utf8').trim().split(' ')
const SUITES = ['bookworm', 'trixie']

/** Where the box of a suite is, or would be. */
export function boxFile(suite = 'bookworm'): string {
  return join(vmFolder, `workshop-${suite}-${arch}.box`)
}

/**
 * Builds the box unless it is there already and of the same recipe and lockfile. Parts that are still good are kept.
 *
 * @param suite Debian's, by its name or its number
 */
export async function ensureBox({ suite = 'bookworm', force = false } = {}): Promise<string> {
  const name = { '12': 'bookworm', '13': 'trixie' }[suite] ?? suite
  if (!SUITES.includes(name)) throw new UsageError(`no Debian '${suite}' here. There are: 12 (bookworm), 13 (trixie)`)
  const parts = join(vmFolder, `${name}-${arch}`)
  const file = boxFile(name)
  if (!force && isBuilt(parts, file)) return file

  if (process.platform !== 'linux') {
    throw new UsageError(
      'a box is built from Debian packages, on a Linux machine of the same processor.\n' +
        '  Build it there with `npm run vm -- box`, and say here where it is: WORKSHOP_BOX=/path/to/workshop.box',
      1,
    )
  }
  const { alone } = await import('./lock.ts')
  await alone(join(vmFolder, 'lock'), 'builds a box', async () => {
    if (!force && isBuilt(parts, file)) return
    startLog()
    await ensure(toBuild())
    if (force) rmSync(parts, { recursive: true, force: true })
    mkdirSync(parts, { recursive: true })
    if (!isCurrent(parts, 'root')) await buildRoot(name, parts)
    if (!isCurrent(parts, 'deps')) await buildDeps(parts)
    await step('Putting the box together', 5, () => pack(name, parts, file))
  })
  return file
}

const isBuilt = (parts: string, file: string) =>
  existsSync(file) && isCurrent(parts, 'root') && isCurrent(parts, 'deps')

/** A part is good while what it is made from is the same. */
function isCurrent(parts: string, part: 'root' | 'deps'): boolean {
  const stamp = join(parts, `${part}.stamp`)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(part)
}

function setCurrent(parts: string, part: 'root' | 'deps'): void {
  writeFileSync(join(parts, `${part}.stamp`), fingerprint(part))
}

function fingerprint(part: 'root' | 'deps'): string {
  if (part === 'deps') return `${NPM} ${hash(readFileSync(join(project, 'package-lock.json')))}`
  const files = readdirSync(recipe).sort()
  return hash(files.map((name) => `${name}\n${readFileSync(join(recipe, name), 'utf8')}`).join())
}

const hash = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

/** Debian's packages, the user, the services: box/build.sh says what, and runs inside mmdebstrap. */
async function buildRoot(suite: string, parts: string): Promise<void> {
  rmSync(join(parts, 'root.stamp'), { force: true })
  const key = join(parts, 'vagrant_private_key')
  for (const file of [key, `${key}.pub`]) rmSync(file, { force: true })
  await quietly('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'workshop', '-f', key])
  const lean = ['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
  const uploads = [...readdirSync(recipe).map((name) => join(recipe, name)), `${key}.pub`]
  const made = ['root.qcow2', 'vmlinuz', 'initrd.img', 'packages.tsv', 'kernel']
  const packages = [`linux-image-cloud-${arch}`, ...packageList()]
  const args = [
    '--variant=minbase',
    '--format=null',
    ...lean,
    '--aptopt=Apt::Install-Recommends "false"',
    `--include=${packages.join(',')}`,
    '--customize-hook=mkdir -p "$1/tmp/workshop"',
    ...uploads.map((file) => `--customize-hook=upload ${quote(file)} /tmp/workshop/${basename(file)}`),
    '--customize-hook=sh "$1/tmp/workshop/build.sh" "$1"',
    ...made.map((name) => `--customize-hook=download /tmp/workshop/out/${name} ${quote(join(parts, name))}`),
    suite,
    '-',
    ...mirrors(suite),
  ]
  // INITRD=No: the kernel's package would make Debian's own initrd, for half a minute, and we have ours.
  const env = { ...process.env, INITRD: 'No', LC_ALL: 'C.UTF-8', PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  await step(`Debian ${suite} from its packages, into a disk`, 60, () => quietly('mmdebstrap', args, { env }))
  setCurrent(parts, 'root')
}

function packageList(): string[] {
  const lines = readFileSync(join(recipe, 'packages'), 'utf8').split('\n')
  return lines.map((line) => line.replace(/#.*/, '').trim()).filter(Boolean)
}

/** The second disk: Node, npm, and node_modules as the lockfile has them for Linux, whatever this machine is. */
async function buildDeps(parts: string): Promise<void> {
  rmSync(join(parts, 'deps.stamp'), { force: true })
  const tree = mkdtempSync(join(parts, 'deps-'))
  try {
    await step('Node and the packages of the lockfile', 20, () => installDeps(tree))
    await step('A disk of them', 15, () => makeDisk(tree, parts))
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
  setCurrent(parts, 'deps')
}

async function installDeps(tree: string): Promise<void> {
  chmodSync(tree, 0o755)
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(project, name), join(tree, name))
  const target = ['--os=linux', `--cpu=${process.arch}`, '--libc=glibc']
  await npm(['ci', ...target, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], tree)
  await unpackNpm(tree)
  const node = `node_modules/node-linux-${process.arch}`
  symlinkSync(`../${node}/bin/node`, join(tree, 'bin', 'node'))
  for (const name of ['include', 'share', 'CHANGELOG.md'])
    rmSync(join(tree, node, name), { recursive: true, force: true })
}

/** From its package, since `npm install npm` asks whether it fits the Node that this machine has. */
async function unpackNpm(tree: string): Promise<void> {
  const folder = join(tree, 'lib', 'node_modules', 'npm')
  for (const path of [folder, join(tree, 'bin')]) mkdirSync(path, { recursive: true })
  await npm(['pack', '--prefer-offline', `npm@${NPM}`], tree)
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(tree, `npm-${NPM}.tgz`)))
    .digest('base64')}`
  if (integrity !== NPM_INTEGRITY) throw new UsageError(`npm ${NPM} is not what ${recipe}/npm says: ${integrity}`, 1)
  await quietly('tar', ['-xzf', `npm-${NPM}.tgz`, '--strip-components=1', '-C', folder], { cwd: tree })
  rmSync(join(tree, `npm-${NPM}.tgz`))
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(tree, 'bin', name))
}

/** npm under its own Node: the one in node_modules may be too new for it. */
function npm(args: string[], cwd: string): Promise<void> {
  const { npm_execpath: cli, npm_node_execpath: node } = process.env
  return cli ? quietly(node ?? process.execPath, [cli, ...args], { cwd }) : quietly('npm', args, { cwd })
}

async function makeDisk(tree: string, parts: string): Promise<void> {
  const raw = join(parts, 'deps.raw')
  const megabytes = Math.ceil(Number(ask('du', '-sm', tree).split('\t')[0]) * 1.2) + 32
  const mkfs = [find('mkfs.ext4') ?? 'mkfs.ext4', '-q', '-F', '-L', 'deps', '-m', '0', '-d', tree, raw, `${megabytes}M`]
  const asRoot = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user'] // so that its files are root's
  const [program = '', ...args] = [...asRoot, ...mkfs]
  rmSync(raw, { force: true })
  await quietly(program, args)
  await quietly('qemu-img', [
    'convert',
    '-c',
    '-o',
    'compression_type=zstd',
    '-O',
    'qcow2',
    raw,
    join(parts, 'deps.qcow2'),
  ])
  rmSync(raw)
}

/** A tar with the names that Vagrant wants and those that our provider looks for. It appears all at once. */
async function pack(suite: string, parts: string, file: string): Promise<void> {
  const read = (name: string) => readFileSync(join(parts, name), 'utf8').trim()
  const about = { suite, kernel: read('kernel'), npm: NPM, lockfile: read('deps.stamp').split(' ')[1] }
  const metadata = { provider: 'workshop_qemu', architecture: arch, workshop: about }
  writeFileSync(join(parts, 'metadata.json'), `${JSON.stringify(metadata, null, 2)}\n`)
  copyFileSync(join(recipe, 'Vagrantfile'), join(parts, 'Vagrantfile'))
  const names = ['metadata.json', 'Vagrantfile', 'vagrant_private_key', 'packages.tsv', 'vmlinuz', 'initrd.img']
  const unfinished = `${file}.new`
  await quietly('tar', ['-cf', unfinished, '-C', parts, ...names, 'root.qcow2', 'deps.qcow2'])
  chmodSync(unfinished, 0o600) // it holds a key
  renameSync(unfinished, file)
}

/** A box in words: what it is and how large. */
export function describeBox(file: string): string {
  return `${file}   ${Math.round(statSync(file).size / 1e6)} MB`
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
