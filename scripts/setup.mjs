/*
 * Brings a fresh clone to where every command works, and does nothing where that is so already: the packages of the
 * lockfile (the pinned Node among them) and the system's programs that the lessons look at.
 *
 * The one file in JavaScript: it has to run under the Node that the machine came with, which may be too old for
 * TypeScript.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const project = new URL('..', import.meta.url).pathname
const state = join(project, '.workshop')
const lockFile = join(state, 'setup.lock')

/** Programs that demos and checks call, and the Debian package of each. */
const PROGRAMS = {
  ps: 'procps',
  pstree: 'psmisc',
  ip: 'iproute2',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  lsns: 'util-linux',
  ipcs: 'util-linux',
  ipcmk: 'util-linux',
  findmnt: 'util-linux',
  hostname: 'hostname',
  ldd: 'libc-bin',
  tar: 'tar',
  capsh: 'libcap2-bin',
  setcap: 'libcap2-bin',
  nft: 'nftables',
  conntrack: 'conntrack',
  ping: 'iputils-ping',
  newuidmap: 'uidmap',
  pasta: 'passt',
  slirp4netns: 'slirp4netns',
  busybox: 'busybox-static',
}

process.chdir(project)
// --missing: only says which of the system's programs are. --packages: for the commands that make no namespaces on this machine.
const lessonsRunHere = process.platform === 'linux' && !process.argv.includes('--packages')
if (process.argv.includes('--missing')) process.stdout.write(programsMissing().join('\n'))
else if (packagesMissing() || (lessonsRunHere && programsMissing().length > 0)) withLock(setUp)

function setUp() {
  if (packagesMissing()) installPackages()
  const missing = lessonsRunHere ? programsMissing() : []
  if (missing.length > 0) installPrograms(missing)
}

/** Is what the lockfile lists not what is installed? */
function packagesMissing() {
  const wanted = readLockfile('package-lock.json')
  const there = readLockfile('node_modules/.package-lock.json') // npm writes it last: a killed install has none
  return Object.entries(wanted).some(([path, entry]) => {
    return path !== '' && (there[path] ? there[path].version !== entry.version : isForUs(entry))
  })
}

function readLockfile(file) {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')).packages ?? {}) : {}
}

/** An optional package is for some systems only, such as the Node for another processor; npm leaves the others out. */
function isForUs({ optional, os, cpu, libc }) {
  if (!optional) return true
  const fits = (list, word) => !list || [list].flat().includes(word)
  return Boolean(os || cpu) && fits(os, process.platform) && fits(cpu, process.arch) && fits(libc, 'glibc')
}

function installPackages() {
  say('Installing the packages of the lockfile, Node 26 among them (once, about a minute)…')
  const started = Date.now()
  // npm's own Node: the one in node_modules is about to be replaced.
  const npm = process.env.npm_execpath
  const [program, first] = npm ? [process.env.npm_node_execpath ?? process.execPath, [npm]] : ['npm', []]
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error']
  if (!run(program, args)) {
    stop(`npm ci failed; what it says is above. Try it by itself:\n  npm ci`)
  }
  say(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.`)
}

function programsMissing() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return Object.keys(PROGRAMS).filter((name) => !folders.some((folder) => existsSync(join(folder, name))))
}

function installPrograms(missing) {
  const wanted = [...new Set(missing.map((name) => PROGRAMS[name]))]
  const command = `apt-get install -y --no-install-recommends ${wanted.join(' ')}`
  const byHand = `apt-get update && ${command}`
  say(`These programs are missing: ${missing.join(', ')}.`)
  if (!existsSync('/usr/bin/apt-get')) {
    stop(
      `This is no Debian or Ubuntu. Install them with your package manager; Debian calls their packages:\n  ${wanted.join(' ')}`,
    )
  }
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'] // -n: where it would ask, it fails
  if (sudo.length > 0 && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    stop(`Only root can install them:\n  sudo sh -c '${byHand}'`)
  }
  say(`Installing ${wanted.join(', ')} with apt-get…`)
  const [program, ...first] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get']
  run(program, [...first, 'update', '-q'])
  if (!run(program, [...first, ...command.split(' ').slice(1)]))
    stop(`apt-get failed; what it says is above. By hand:\n  ${byHand}`)
  const left = programsMissing()
  if (left.length > 0) stop(`apt-get said that all went well, but these are still missing: ${left.join(', ')}`)
}

/** Runs a program that writes to our terminal; its standard output goes to our standard error, as our own words do. */
function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: ['inherit', 2, 2] })
  if (error) say(`${program}: ${error.message}`)
  return status === 0
}

/** One set-up at a time; a second one waits for the first. */
function withLock(body) {
  mkdirSync(state, { recursive: true })
  for (let told = false; !takeLock(); ) {
    if (!told) say(`Another command is setting up the workshop (process ${holder()}); waiting for it…`)
    told = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  }
  // Ctrl-C reaches npm or apt too; the lock goes with us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
  process.on('exit', () => rmSync(lockFile, { force: true }))
  body()
}

function takeLock() {
  const mine = `${lockFile}-${process.pid}`
  try {
    writeFileSync(mine, String(process.pid))
  } catch (error) {
    stop(
      `${error.message}\nroot has probably run the workshop before you. Make it yours again:\n  sudo chown -R "$USER" .`,
    )
  }
  try {
    linkSync(mine, lockFile) // there at once, with the number in it, or not at all
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  } finally {
    rmSync(mine)
  }
  if (isAlive(holder())) return false
  rmSync(lockFile, { force: true }) // left by a killed one
  return takeLock()
}

function holder() {
  return existsSync(lockFile) ? Number(readFileSync(lockFile, 'utf8')) : 0
}

function isAlive(pid) {
  if (!pid) return false // it has just been given back
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function stop(text) {
  say(text)
  process.exit(1)
}
