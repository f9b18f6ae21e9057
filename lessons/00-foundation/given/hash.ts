import type { Hash } from 'node:crypto'

/** createHash of node:crypto, which is loaded when it is wanted: the start of a container is measured. */
export function createHash(algorithm: string): Hash {
  return process.getBuiltinModule('node:crypto').createHash(algorithm)
}
