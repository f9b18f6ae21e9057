import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, type Place, type Runtime, versionOf } from './runtime.ts'

/**
 * A runtime of the OCI's specification: it is given a folder with a config.json and a root, starts that, and ends. The
 * config.json is the one that the runtime itself writes, but for the command.
 */
function oci(name: string): Runtime {
  return {
    name,
    programs: [name],
    packages: [name],
    version: () => versionOf(name),
    async start(place, argv) {
      writeBundle(name, place, argv)
      const run = [name, '--root', join(place.folder, 'state'), 'run', '--detach', '--bundle', place.folder]
      // With no pipe of ours: the container keeps what it is given, and that pipe would never come to its end.
      const aside = '"$@" < /dev/null > "$0" 2>&1 || { cat "$0"; exit 1; }'
      must(place, ['sh', '-c', aside, join(place.folder, 'log'), ...run, `workshop-${name}`])
    },
  }
}

function writeBundle(name: string, place: Place, args: string[]): void {
  must(place, ['sh', '-c', `cd "$0" && rm -f config.json && ${name} spec`, place.folder])
  const file = join(place.folder, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8'))
  config.root = { path: place.rootfs }
  Object.assign(config.process, { args, terminal: false })
  writeFileSync(file, JSON.stringify(config))
}

export const runc = oci('runc')
export const crun = oci('crun')
