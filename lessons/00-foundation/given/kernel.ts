/** Is this kernel older than that version of Linux? A distribution may have brought more to it: where one can, one tries. */
export function olderThan(major: number, minor: number): boolean {
  const [a = 0, b = 0] = process.getBuiltinModule('node:os').release().split('.').map(Number)
  return a < major || (a === major && b < minor)
}
