import { resolve } from 'node:path'
import { UsageError } from '#given/errors.ts'
import type { Compression } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { callersFolder, command } from '../lib/command.ts'
import { imageNamed, storeOptions, wanted } from '../lib/images.ts'
import { suggest } from '../lib/suggest.ts'
import * as user from './options/user.ts'

const FORMATS = ['oci', 'docker']
const COMPRESSIONS = ['gzip', 'zstd', 'none']

await command(
  {
    name: 'box',
    usage: 'npm run box -- save IMAGE… --output FILE',
    about: `Writes images to a file for others: podman load, skopeo, and docker load, whose older versions
read nothing but --format docker. A FILE that ends with a slash is a folder, an OCI image layout.`,
    options: {
      ...storeOptions,
      output: { type: 'string', short: 'o', value: 'FILE', description: 'where to' },
      format: { type: 'string', value: 'oci', description: 'oci, an image layout; or docker, as docker save writes' },
      compression: {
        type: 'string',
        value: 'gzip',
        description: 'of layers, oci only: gzip, zstd or none; as they are',
      },
    },
    examples: ['npm run box -- save web:1 -o web.tar', 'skopeo inspect oci-archive:web.tar'],
    args: process.argv.slice(3),
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    wanted(positionals[0], 'the image')
    const output = wanted(values.output as string | undefined, '--output FILE')
    const format = one('format', values.format, FORMATS) ?? 'oci'
    const compression = one('compression', values.compression, COMPRESSIONS)
    if (compression && format === 'docker')
      throw new UsageError('--compression is for --format oci: the other has plain layers')
    const store = openStore()
    const images = positionals.map((wish) => imageNamed(store, wish))
    const path = resolve(callersFolder, output) + (output.endsWith('/') ? '/' : '')
    await store.save(images, path, {
      format: format as 'oci' | 'docker',
      ...(compression ? { compression: compression as Compression } : {}),
    })
    return 0
  },
)

function one(option: string, value: unknown, among: string[]): string | undefined {
  if (value === undefined || among.includes(String(value))) return value as string | undefined
  throw new UsageError(`--${option} ${String(value).slice(0, 40)}: ${suggest(String(value), among)}`)
}
