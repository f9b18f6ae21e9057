import { UsageError } from '#given/errors.ts'
import type { Arguments } from '../lib/command.ts'
import { connect, look, type Name, up, vagrant } from './machine.ts'
import { ensure, TO_RUN } from './tools.ts'

// Under emulation two processors are as busy as one elsewhere, so two files at a time; and a tenth of the stress.
const INSIDE = `
  uname -sr
  export VITEST_MAX_WORKERS=2
  if grep --quiet TCG /proc/cpuinfo; then export WORKSHOP_LOAD=0.1; fi
  npm test --`

/** `npm test` inside the machine, from nothing to the verdict. A machine that it started, it stops again. */
export async function testInside({ values: { cgroup = 'v2', keep }, positionals }: Arguments): Promise<number> {
  if (cgroup !== 'v1' && cgroup !== 'v2') throw new UsageError(`--cgroup ${cgroup}: there are v1 and v2`)
  const name: Name = cgroup === 'v1' ? 'v1' : 'default'
  await ensure({ vagrant: TO_RUN.vagrant })
  const before = look(name).state
  const started = Date.now()
  try {
    const ready = before === 'running' ? await vagrant('rsync', name) : await up(name)
    if (ready !== 0) return ready
    const code = await connect([INSIDE, ...positionals.slice(1)], name)
    const minutes = ((Date.now() - started) / 60_000).toFixed(1)
    console.log(
      `In the machine, cgroup ${cgroup}: ${code === 0 ? 'all is well' : `it failed (${code})`}, ${minutes} minutes.`,
    )
    return code
  } finally {
    if (before !== 'running' && !keep)
      await (name === 'v1' ? vagrant('destroy', '--force', name) : vagrant('halt', name))
  }
}
