let names: Map<number, string> | undefined

/** The name of an errno, such as EPERM for 1: errno(3). */
export function nameOfErrno(errno: number): string {
  // Loaded when something fails, and not before: a container that starts well need not pay for it.
  names ??= new Map(Object.entries(process.getBuiltinModule('node:os').constants.errno).map(([name, n]) => [n, name]))
  return names.get(errno) ?? `errno ${errno}`
}
