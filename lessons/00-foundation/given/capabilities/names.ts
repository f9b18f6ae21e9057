/*
 * The capabilities of Linux, each at the place of its bit: capabilities(7), linux/capability.h. Nothing was ever taken
 * out of this list; the last three came with Linux 5.8 and 5.9.
 */
export const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID'], // 0 to 7
  ...['SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK'], // to 14
  ...['IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT'], // 22
  ...['SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL'], // 30
  ...['SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON'], // 38
  ...['BPF', 'CHECKPOINT_RESTORE'], // 39, 40
]

/** The set of these capabilities as a number: bit 0 is CHOWN, bit 40 CHECKPOINT_RESTORE. */
export function maskOf(names: readonly string[]): bigint {
  return names.reduce((mask, name) => mask | bit(name), 0n)
}

/** @throws {RangeError} for a name that is none */
export function bit(name: string): bigint {
  const number = CAPABILITIES.indexOf(name)
  if (number === -1) throw new RangeError(`there is no capability ${name}`)
  return 1n << BigInt(number)
}
