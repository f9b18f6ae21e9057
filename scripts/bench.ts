import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { UsageError } from '#given/errors.ts'
import { ensureRootfs } from '#given/rootfs.ts'
import { table } from '#given/show.ts'
import { project } from '#given/spec.ts'
import { command } from './lib/command.ts'
import { warmCache } from './lib/warm.ts'

const IMAGE = 'workshop-bench'
let imported = false

// runc, as crun refuses hybrid cgroups; and limits that one may set without CAP_SYS_RESOURCE.
const PODMAN = ['--runtime', 'runc', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']

await command(
  {
    name: 'bench',
    usage: 'npm run bench',
    about: `Measures how long a container takes to start: the reference of this workshop, beside the tools that are
installed, and beside Node itself. Each line is a whole command that runs \`true\` in the same root file system. The
rounds take turns, so that a noisy moment hits all alike.`,
    options: {
      runs: {
        type: 'string',
        value: 'N',
        description: 'how often each is measured, after one warm-up; 20 unless given',
      },
      json: { type: 'boolean', description: 'as JSON, times in milliseconds' },
    },
    needsLinux: true,
  },
  async ({ values }) => {
    const runs = Number(values.runs ?? 20)
    if (!Number.isInteger(runs) || runs < 1) throw new UsageError(`--runs ${values.runs}: a whole number from 1 up`)
    const rootfs = ensureRootfs()
    warmCache()
    const folder = mkdtempSync(join(tmpdir(), 'workshop-bench-'))
    try {
      const { ready, skipped } = warmUp(candidates(rootfs, folder))
      const results = measure(ready, runs)
      if (values.json)
        console.log(JSON.stringify({ runs, node: process.version, cpus: cpus().length, results, skipped }, null, 2))
      else print(runs, results, skipped)
    } finally {
      rmSync(folder, { recursive: true, force: true })
      if (imported) spawnSync('docker', ['rmi', IMAGE], { stdio: 'ignore' })
    }
    return 0
  },
)

interface Candidate {
  name: string
  argv: string[]
  env?: NodeJS.ProcessEnv
  /** Why it cannot be measured here, where that is known beforehand. */
  missing?: string | undefined
}

interface Result {
  name: string
  median: number
  fastest: number
  slowest: number
  /** Times the median of `node -e 0`. */
  ratio: number
}

/** The commands, each as its own man page would have one run `true` with pid, mount, uts and ipc namespaces. */
function candidates(rootfs: string, folder: string): Candidate[] {
  bundle(rootfs, folder)
  const node = process.execPath
  const box = [node, '--min-semi-space-size=16', 'scripts/box.ts', 'run', '--reference'] // as in package.json
  const limits = ['--memory', '512m', '--cpus', '0.5', '--pids-limit', '64']
  const oci = ['--root', join(folder, 'state')]
  return [
    { name: 'node -e 0', argv: [node, '-e', '0'] },
    { name: 'the workshop', argv: [...box, rootfs, '--', 'true'] },
    image(box, rootfs, folder),
    { name: 'the same, limited', argv: [...box, ...limits, rootfs, '--', 'true'] },
    { name: 'the same, --userns', argv: [...box, '--userns', rootfs, '--', 'true'] },
    installed('unshare + chroot', [
      'unshare',
      '--mount',
      '--uts',
      '--ipc',
      '--pid',
      '--fork',
      'chroot',
      rootfs,
      'true',
    ]),
    installed('bwrap', [
      ...['bwrap', '--bind', rootfs, '/', '--proc', '/proc', '--dev', '/dev'],
      ...['--unshare-pid', '--unshare-uts', '--unshare-ipc', 'true'],
    ]),
    installed('crun', ['crun', ...oci, '--cgroup-manager=disabled', 'run', '--bundle', folder, 'workshop-bench-crun']),
    installed('runc', ['runc', ...oci, 'run', '--bundle', folder, 'workshop-bench-runc']),
    installed('podman', ['podman', 'run', '--rm', '--network=none', ...PODMAN, '--rootfs', rootfs, 'true']),
    docker(rootfs),
  ]
}

/** A bundle for the OCI runtimes: config.json of the runtime specification, as short as it can be. */
function bundle(rootfs: string, folder: string): void {
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['true'], env: ['PATH=/usr/bin:/bin'], cwd: '/' },
    root: { path: rootfs },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
}

/** The same files as an image, in a store of its own. */
function image(box: string[], rootfs: string, folder: string): Candidate {
  const env = { WORKSHOP_IMAGES: join(folder, 'images') }
  const candidate = { name: 'the same, an image', argv: [...box, IMAGE, '--', 'true'], env }
  const [node = '', ...words] = box.slice(0, -2)
  const imported = spawnSync(node, [...words, 'import', rootfs, IMAGE], {
    ...{ cwd: project, encoding: 'utf8' as const, env: { ...process.env, ...env } },
  })
  return imported.status === 0 ? candidate : { ...candidate, missing: imported.stderr.trim() }
}

function installed(name: string, argv: string[]): Candidate {
  const [program = ''] = argv
  const there = (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, program)))
  return { name, argv, missing: there ? undefined : `${program} is not installed` }
}

/** Docker wants an image, so the root file system is imported as one; and a daemon, which may not be running. */
function docker(rootfs: string): Candidate {
  const candidate = installed('docker', ['docker', 'run', '--rm', '--network=none', IMAGE, 'true'])
  if (candidate.missing) return candidate
  if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status !== 0)
    return { ...candidate, missing: 'no daemon answers' }
  const done = spawnSync('sh', ['-c', `tar -C "$1" -c . | docker import - ${IMAGE}`, 'sh', rootfs], { stdio: 'ignore' })
  imported = done.status === 0
  return imported ? candidate : { ...candidate, missing: 'docker import failed' }
}

/** One run of each that nobody measures. What fails now would only measure its error message. */
function warmUp(all: Candidate[]): { ready: Candidate[]; skipped: Record<string, string> } {
  const ready: Candidate[] = []
  const skipped: Record<string, string> = {}
  for (const candidate of all) {
    const why = candidate.missing ?? fault(candidate)
    if (why === undefined) ready.push(candidate)
    else skipped[candidate.name] = why
  }
  return { ready, skipped }
}

function fault({ argv: [program = '', ...args], env }: Candidate): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status === 0) return undefined
  return error?.message ?? (stderr.trim().split('\n').at(-1) || `it ended with ${status}`)
}

function measure(all: Candidate[], runs: number): Result[] {
  const times = all.map((): number[] => [])
  for (let i = 0; i < runs; i++) for (const [k, candidate] of all.entries()) times[k]?.push(time(candidate))
  const base = median(times[0] ?? [])
  return all.map(({ name }, k) => {
    const own = times[k] ?? []
    const middle = median(own)
    return {
      name,
      median: round(middle),
      fastest: round(Math.min(...own)),
      slowest: round(Math.max(...own)),
      ratio: round(middle / base),
    }
  })
}

function time({ argv: [program = '', ...args], env }: Candidate): number {
  const options = { cwd: project, stdio: 'ignore' as const, env: { ...process.env, ...env } }
  const started = process.hrtime.bigint()
  spawnSync(program, args, options)
  return Number(process.hrtime.bigint() - started) / 1e6
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2
}

function round(n: number): number {
  return Math.round(n * 100) / 100
}

function print(runs: number, results: Result[], skipped: Record<string, string>): void {
  console.log(
    `Start to end of \`true\`, ${runs} ${runs === 1 ? 'run' : 'runs'} each, Node ${process.version}, ${cpus().length} CPUs\n`,
  )
  const ms = (n: number) => n.toFixed(1).padStart(8)
  const rows = results.map(({ name, ...r }) => [
    name,
    ms(r.median),
    ms(r.fastest),
    ms(r.slowest),
    `${r.ratio.toFixed(2)} ×`.padStart(8),
  ])
  table(['', 'median ms', 'fastest', 'slowest', 'to node -e 0'], rows)
  for (const [name, why] of Object.entries(skipped)) console.log(`skipped: ${name}: ${why}`)
}
