import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from '#given/spec.ts'
import { must, type Runtime } from './runtime.ts'

/** Ours, with the finished mechanisms. */
export const box: Runtime = {
  name: 'box',
  programs: [],
  packages: [],
  version: () => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).version,
  async start(place, argv) {
    const command = [process.execPath, '--no-warnings', join(project, 'scripts/box.ts'), 'run', '--reference']
    must(place, [...command, '--detach', '--net', 'none', '--name', 'workshop-box', place.rootfs, '--', ...argv])
  },
}
