import type { Hash } from 'node:crypto'

/*
 * The functions of node:fs that a container starts with. `import … from 'node:fs'` makes Node load all that belongs
 * to it, its promises and streams too: 2 ms, and a container pays for them twice.
 */
export const {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} = process.getBuiltinModule('node:fs')

/** createHash of node:crypto, for the same reason: who wants no hash does not load it. */
export function createHash(algorithm: string): Hash {
  return process.getBuiltinModule('node:crypto').createHash(algorithm)
}
